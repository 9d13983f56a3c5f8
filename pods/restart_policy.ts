import type { Container } from "../k8s/types.ts";
import type { Exit, ObservedContainer } from "../providers/runtime.ts";
import type { PodMemory } from "./memory.ts";
import type { DesiredContainer, DesiredPod } from "./pod_spec.ts";

/** `restartPolicyRules` (KEP-5307, KEP-5532): newer than the types. */
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
  return ruleOf(spec, code) !== undefined || byPolicy(own, code);
}

/** Whether a run that has ended is followed by another: the node may have ended it for that. */
export function runsAgain(
  container: Pick<DesiredContainer, "kind" | "spec">,
  { id, exit }: Pick<ObservedContainer, "id"> & { readonly exit: Exit },
  desired: Pick<DesiredPod, "restartPolicy">,
  { replacedRuns }: Pick<PodMemory, "replacedRuns">,
): boolean {
  return replacedRuns.has(id) || mayRestart(container, desired, exit);
}

/** Whether all containers of the pod are started anew when this one ends so. */
export function restartsAll(
  { kind, spec }: Pick<DesiredContainer, "kind" | "spec">,
  { code }: Pick<Exit, "code">,
): boolean {
  if (kind === "ephemeral") return false;
  return ruleOf(spec, code)?.action === restartAll;
}

/** Whether there is an end of the container after which all of the pod are started anew. */
export function mayRestartAll(
  { spec }: Pick<DesiredContainer, "spec">,
): boolean {
  return rulesOf(spec).some(({ action }) => action === restartAll);
}

const restartAll = "RestartAllContainers";

function byPolicy(policy: string, code: number): boolean {
  return policy === "Always" || (policy === "OnFailure" && code !== 0);
}

/** The first rule that fits counts. */
function ruleOf(spec: Container, code: number): RestartRule | undefined {
  return rulesOf(spec).find((rule) => matches(rule, code));
}

function rulesOf(spec: Container): readonly RestartRule[] {
  return (spec as { readonly restartPolicyRules?: readonly RestartRule[] })
    .restartPolicyRules ?? [];
}

function matches({ exitCodes }: RestartRule, code: number): boolean {
  if (exitCodes === undefined) return false;
  const isListed = (exitCodes.values ?? []).includes(code);
  return (exitCodes.operator === "In") === isListed;
}
