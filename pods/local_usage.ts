import type { Pod, Volume } from "../k8s/types.ts";
import type {
  ContainerSample,
  RuntimeStats,
  VolumeSample,
} from "../providers/samples.ts";

/** How old the size of a directory may be to be evicted for, in milliseconds. */
const maxAge = 150_000;

/** What was measured of one pod. */
export interface PodUsage {
  readonly containers: readonly ContainerSample[];
  /** By name; those that nobody could measure are absent. */
  readonly volumes: ReadonlyMap<string, VolumeSample>;
}

/** What was measured, by the UID of the pod; what is too old to act on is left out. */
export function usageByPod(
  { containers, volumes = [] }: RuntimeStats,
  now: Date,
): ReadonlyMap<string, PodUsage> {
  const isFresh = ({ at }: { readonly at: Date }) =>
    now.getTime() - at.getTime() <= maxAge;
  const containersOf = Map.groupBy(
    containers.filter(isFresh),
    ({ podUid }) => podUid,
  );
  const volumesOf = Map.groupBy(
    volumes.filter(isFresh),
    ({ podUid }) => podUid,
  );
  const uids = new Set([...containersOf.keys(), ...volumesOf.keys()]);
  return new Map([...uids].map((uid) => [uid, {
    containers: containersOf.get(uid) ?? [],
    volumes: new Map(
      (volumesOf.get(uid) ?? []).map((sample) => [sample.volume, sample]),
    ),
  }]));
}

/** What of a pod is on a disk of the node, to be counted. */
export interface CountedParts {
  /** What containers wrote to their own file systems. */
  readonly rootfs: boolean;
  /** Logs and volumes. */
  readonly local: boolean;
}

/** The memory of a pod that cannot be reclaimed, in bytes. */
export function memoryUsage({ containers }: PodUsage): number {
  return containers.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
}

/** The bytes on disk that count as the pod's. */
export function diskUsage(
  { spec }: Pod,
  { containers, volumes }: PodUsage,
  { rootfs, local }: CountedParts,
): number {
  const ofContainers = containers.map(({ rootfsBytes = 0, logBytes = 0 }) =>
    (rootfs ? rootfsBytes : 0) + (local ? logBytes : 0)
  );
  const ofVolumes = local
    ? (spec?.volumes ?? []).filter(isLocalEphemeral)
      .map(({ name }) => volumes.get(name)?.usedBytes ?? 0)
    : [];
  return [...ofContainers, ...ofVolumes].reduce((sum, one) => sum + one, 0);
}

/** The files that count as the pod's; those of containers are not counted. */
export function inodeUsage({ spec }: Pod, { volumes }: PodUsage): number {
  return (spec?.volumes ?? []).filter(isLocalEphemeral)
    .reduce((sum, { name }) => sum + (volumes.get(name)?.inodesUsed ?? 0), 0);
}

/** As the kubelet's `IsLocalEphemeralVolume`. */
function isLocalEphemeral({ emptyDir, configMap }: Volume): boolean {
  if (emptyDir !== undefined) return (emptyDir.medium ?? "") === "";
  return configMap !== undefined;
}
