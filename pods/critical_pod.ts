import type { Pod } from "../k8s/types.ts";

/** The API's `SystemCriticalPriority`: twice the highest that users can give. */
const systemCritical = 2_000_000_000;

/**
 * Whether the cluster depends on a pod, by the kubelet's rule (`IsCriticalPod`): it is static, or
 * its priority is that of system pods. Such pods are not evicted.
 */
export function isCriticalPod({ metadata, spec }: Pod): boolean {
  const annotations = metadata?.annotations ?? {};
  const source = annotations["kubernetes.io/config.source"];
  if (source !== undefined && source !== "api") return true;
  if (annotations["kubernetes.io/config.mirror"] !== undefined) return true;
  return (spec?.priority ?? 0) >= systemCritical;
}
