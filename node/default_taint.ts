import type { Taint } from "../k8s/types.ts";

/** Keeps away pods that do not ask for such a node, as Virtual Kubelet's default does. */
export function defaultTaint(provider: string): Taint {
  return {
    key: "virtual-kubelet.io/provider",
    value: provider,
    effect: "NoSchedule",
  };
}
