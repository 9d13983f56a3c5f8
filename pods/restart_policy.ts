import type { Container } from "../k8s/types.ts";
import type { Exit } from "../providers/runtime.ts";
import type { DesiredContainer, DesiredPod } from "./pod_spec.ts";

/** `restartPolicyRules` (KEP-5307): newer than the types. */
interface RestartRule {
  readonly action: string;
  readonly exitCodes?: {
    readonly operator: "In" | "NotIn";
    readonly values?: readonly number[];
  };
}

/**
 * Whether a container that ended so is started again in the pod's sandbox: by its own rules, then
 * by its own policy, else by that of the pod.
 */
export function mayRestart(
  { kind, spec }: Pick<DesiredContainer, "kind" | "spec">,
  { restartPolicy }: Pick<DesiredPod, "restartPolicy">,
  { code }: Pick<Exit, "code">,
): boolean {
  if (kind === "ephemeral") return false;
  if (kind === "sidecar") return true;
  // An init container that has succeeded is done, whatever the policy.
  if (kind === "init" && code === 0) return false;
  const own = spec.restartPolicy;
  if (own === undefined) return byPolicy(restartPolicy, code);
  return rulesOf(spec).some((rule) => matches(rule, code)) ||
    byPolicy(own, code);
}

function byPolicy(policy: string, code: number): boolean {
  return policy === "Always" || (policy === "OnFailure" && code !== 0);
}

function rulesOf(spec: Container): readonly RestartRule[] {
  return (spec as { readonly restartPolicyRules?: readonly RestartRule[] })
    .restartPolicyRules ?? [];
}

function matches({ action, exitCodes }: RestartRule, code: number): boolean {
  if (action !== "Restart" || exitCodes === undefined) return false;
  const isListed = (exitCodes.values ?? []).includes(code);
  return (exitCodes.operator === "In") === isListed;
}
