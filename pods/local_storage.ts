import { bytes, formatBytes } from "../k8s/quantity.ts";
import type { Pod } from "../k8s/types.ts";
import { diskUsage, type PodUsage } from "./local_usage.ts";
import { podLimits } from "./pod_resources.ts";

const resource = "ephemeral-storage";

/** Whether a pod says how much it may have on the node's disk. */
export function hasStorageLimit(pod: Pod): boolean {
  return podLimits(pod).has(resource) ||
    (pod.spec?.volumes ?? []).some(({ emptyDir }) =>
      emptyDir?.sizeLimit !== undefined
    );
}

/**
 * What a pod has too much of on the node's disk, in the kubelet's words; undefined for a pod within
 * its limits. What nobody could measure is not too much.
 *
 * @param options.dedicatedImages Whether what containers write to their own file systems is on
 * another disk than volumes and logs: it does not count for containers then, as in the kubelet.
 */
export function storageExcess(
  pod: Pod,
  usage: PodUsage,
  { dedicatedImages }: { readonly dedicatedImages: boolean },
): string | undefined {
  return emptyDirExcess(pod, usage) ?? podExcess(pod, usage) ??
    containerExcess(pod, usage, { dedicatedImages });
}

function emptyDirExcess(
  { spec }: Pod,
  { volumes }: PodUsage,
): string | undefined {
  for (const { name, emptyDir } of spec?.volumes ?? []) {
    const { sizeLimit } = emptyDir ?? {};
    const used = volumes.get(name)?.usedBytes;
    if (sizeLimit === undefined || used === undefined) continue;
    const limit = bytes(sizeLimit);
    if (limit > 0 && used > limit) {
      return `Usage of EmptyDir volume "${name}" exceeds the limit "${sizeLimit}". `;
    }
  }
  return undefined;
}

function podExcess(pod: Pod, usage: PodUsage): string | undefined {
  const limit = podLimits(pod).get(resource);
  if (limit === undefined) return undefined;
  const used = diskUsage(pod, usage, { rootfs: true, local: true });
  if (used <= limit) return undefined;
  const text = limitTexts(pod).find((text) => bytes(text) === limit) ??
    formatBytes(limit);
  return `Pod ephemeral local storage usage exceeds the total limit of containers ${text}. `;
}

function limitTexts({ spec }: Pod): readonly string[] {
  return [...spec?.containers ?? [], ...spec?.initContainers ?? []]
    .flatMap(({ resources }) => resources?.limits?.[resource] ?? []);
}

function containerExcess(
  { spec }: Pod,
  { containers }: PodUsage,
  { dedicatedImages }: { readonly dedicatedImages: boolean },
): string | undefined {
  for (const { container, rootfsBytes = 0, logBytes = 0 } of containers) {
    const found = spec?.containers.find(({ name }) => name === container);
    const text = found?.resources?.limits?.[resource] ?? "0";
    const limit = bytes(text);
    const used = logBytes + (dedicatedImages ? 0 : rootfsBytes);
    if (limit > 0 && used > limit) {
      return `Container ${container} exceeded its local ephemeral storage limit "${text}". `;
    }
  }
  return undefined;
}
