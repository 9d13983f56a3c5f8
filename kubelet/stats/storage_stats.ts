import { apiTime } from "../../k8s/time.ts";
import type { Volume } from "../../k8s/types.ts";
import type { FilesystemSample } from "../../providers/provider.ts";
import type { VolumeSample } from "../../providers/samples.ts";
import type { PodUsage } from "./pod_usage.ts";
import type {
  ContainerStats,
  FsStats,
  PodStats,
  VolumeStats,
} from "./summary_types.ts";
import { sum, wholeNumber } from "./whole_number.ts";

/** What the file systems of a pod add to its stats. */
export interface PodStorage {
  /** By name of the container. */
  readonly containers: ReadonlyMap<
    string,
    Pick<ContainerStats, "rootfs" | "logs">
  >;
  readonly pod: Pick<PodStats, "volume" | "ephemeral-storage">;
}

/** How full a file system is. */
export function fsStats(at: Date, sample: FilesystemSample): FsStats {
  const { inodes, inodesFree } = sample;
  return {
    ...usedOf(at, sample, sample.usedBytes),
    ...(inodes !== undefined && inodesFree !== undefined && {
      inodesUsed: wholeNumber(inodes - inodesFree),
    }),
  };
}

/**
 * What a pod stores: in its containers, their logs, and its volumes.
 *
 * @param filesystem The node's, where all of that is.
 */
export function podStorage(
  { pod, namespace, containers, volumes }: PodUsage,
  filesystem: FilesystemSample | undefined,
): PodStorage {
  const stored = containers.map(({ sample }) => {
    const { container, at, rootfsBytes, logBytes } = sample;
    return [container, {
      ...(rootfsBytes !== undefined && {
        rootfs: usedOf(at, filesystem, rootfsBytes),
      }),
      ...(logBytes !== undefined && {
        logs: usedOf(at, filesystem, logBytes),
      }),
    }] as const;
  });
  const specs = new Map(pod.spec?.volumes?.map((spec) => [spec.name, spec]));
  const volumeStats = volumes.map((sample) =>
    statsOfVolume(sample, specs.get(sample.volume), { namespace, filesystem })
  );
  const ephemeral = [
    ...stored.flatMap(([_, { rootfs, logs }]) => [rootfs, logs]),
    ...volumeStats.filter(({ name }) => isLocalEphemeral(specs.get(name))),
  ].filter((part) => part !== undefined);
  return {
    containers: new Map(stored),
    pod: {
      ...(volumeStats.length > 0 && { volume: volumeStats }),
      ...(ephemeral.length > 0 && {
        "ephemeral-storage": together(ephemeral, filesystem),
      }),
    },
  };
}

function statsOfVolume(
  { at, volume: name, ...sample }: VolumeSample,
  spec: Volume | undefined,
  { namespace, filesystem }: {
    readonly namespace: string;
    readonly filesystem: FilesystemSample | undefined;
  },
): VolumeStats {
  const { usedBytes, availableBytes, capacityBytes, inodesUsed } = sample;
  const claim = spec?.persistentVolumeClaim?.claimName;
  // Memory and claims are elsewhere.
  const around = isLocalEphemeral(spec) ? filesystem : undefined;
  return {
    ...usedOf(at, around, usedBytes),
    ...(availableBytes !== undefined && {
      availableBytes: wholeNumber(availableBytes),
    }),
    ...(capacityBytes !== undefined && {
      capacityBytes: wholeNumber(capacityBytes),
    }),
    ...(inodesUsed !== undefined && { inodesUsed: wholeNumber(inodesUsed) }),
    name,
    ...(claim !== undefined && { pvcRef: { name: claim, namespace } }),
  };
}

/** A part of a file system: what it uses, and what of the whole is left. */
function usedOf(
  at: Date,
  filesystem: FilesystemSample | undefined,
  usedBytes: number,
): FsStats {
  const { availableBytes, capacityBytes, inodesFree, inodes } = filesystem ??
    {};
  return {
    time: apiTime(at),
    ...(availableBytes !== undefined && {
      availableBytes: wholeNumber(availableBytes),
    }),
    ...(capacityBytes !== undefined && {
      capacityBytes: wholeNumber(capacityBytes),
    }),
    usedBytes: wholeNumber(usedBytes),
    ...(inodesFree !== undefined && { inodesFree: wholeNumber(inodesFree) }),
    ...(inodes !== undefined && { inodes: wholeNumber(inodes) }),
  };
}

function together(
  parts: readonly FsStats[],
  filesystem: FilesystemSample | undefined,
): FsStats {
  const times = parts.map(({ time }) => new Date(time).getTime());
  const used = parts.map(({ usedBytes = 0 }) => usedBytes);
  const inodes = parts.map(({ inodesUsed }) => inodesUsed)
    .filter((used) => used !== undefined);
  return {
    ...usedOf(new Date(Math.max(...times)), filesystem, sum(used)),
    ...(inodes.length > 0 && { inodesUsed: sum(inodes) }),
  };
}

/** Whether a volume counts as the pod's ephemeral storage: `IsLocalEphemeralVolume` of the kubelet. */
function isLocalEphemeral(volume: Volume | undefined): boolean {
  if (volume?.configMap !== undefined) return true;
  const { emptyDir } = volume ?? {};
  return emptyDir !== undefined && (emptyDir.medium ?? "") === "";
}
