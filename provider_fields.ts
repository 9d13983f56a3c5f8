import type { Pod } from "./k8s/types.ts";
import {
  type FieldRuntime,
  podIgnored,
  podRefusals,
} from "./pods/pod_actions.ts";
import { columnRules, FieldFinder } from "./providers/pod_field.ts";
import type { Refusal } from "./providers/provider.ts";
import { type HostTraits, sshRefusals } from "./providers/ssh/refusals.ts";
import { guestTraits } from "./providers/wasm/guest_traits.ts";
import { wasmRefusals } from "./providers/wasm/refusals.ts";
import { fieldColumns, type ProviderName } from "./pod_field_table.ts";

/** What a node of a kind would say of a pod. */
export interface PodVerdict {
  readonly refused: readonly Refusal[];
  readonly ignored: readonly Refusal[];
}

/** Which of what a runtime need not have the providers' runtimes have. */
export const runtimeAbilities: Readonly<
  Record<ProviderName, readonly (keyof FieldRuntime)[]>
> = {
  ssh: ["setVolume", "setImageVolume", "exec", "portForward", "dial"],
  wasm: ["setVolume", "exec", "portForward", "dial"],
  memory: ["setVolume", "exec", "portForward"],
};

/**
 * What a node of that provider would say of the pod, without asking one. What depends on the host
 * passes unless its `traits` are given; the user of WASI guests is the one that asks.
 */
export function podVerdict(
  pod: Pod,
  provider: ProviderName,
  traits?: HostTraits,
): PodVerdict {
  const rules = columnRules(fieldColumns[provider]);
  const context = {
    runtime: runtimeWith(runtimeAbilities[provider]),
    refusals: (pod: Pod) => providerRefusals(pod, provider, traits),
    ignored: (pod: Pod) => new FieldFinder(rules, "ignored").find(pod),
  };
  return {
    refused: podRefusals(pod, context),
    ignored: podIgnored(pod, context),
  };
}

function providerRefusals(
  pod: Pod,
  provider: ProviderName,
  traits: HostTraits | undefined,
): readonly Refusal[] {
  switch (provider) {
    case "ssh":
      return sshRefusals(pod, traits);
    case "wasm":
      return wasmRefusals(pod, guestTraits());
    case "memory":
      return [];
  }
}

/** Something that has these methods, which nobody calls. */
function runtimeWith(abilities: readonly (keyof FieldRuntime)[]): FieldRuntime {
  const never = () => Promise.reject(new TypeError("Cannot call this runtime"));
  return Object.fromEntries(abilities.map((ability) => [ability, never]));
}
