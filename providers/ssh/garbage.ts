import type { ContainerRecord } from "./container_record.ts";
import { byAttempt, newestSandbox } from "./observe.ts";

/** How many runs of a container are kept: the newest, and the one before for its log and exit. */
const keptRuns = 2;

/** What of one pod is of no more use: dead runs beyond the kept ones, sandboxes that were replaced. */
export function podGarbage(
  records: readonly ContainerRecord[],
): readonly ContainerRecord[] {
  const runs = Map.groupBy(
    records.filter(({ kind }) => kind === "container"),
    ({ container }) => container,
  );
  const old = [...runs.values()].flatMap((of) =>
    of.toSorted(byAttempt).slice(0, -keptRuns).filter(isDead)
  );
  // Podman does not part from a sandbox before the containers that ran in it.
  const used = new Set(
    records.filter((record) => !old.includes(record))
      .map(({ sandbox }) => sandbox),
  );
  const newest = newestSandbox(records);
  const sandboxes = records.filter((record) =>
    record.kind === "sandbox" && record !== newest && isDead(record) &&
    !used.has(record.id)
  );
  return [...old, ...sandboxes];
}

/** An image of a host, as the decision to remove it sees it. */
export interface ImageUse {
  readonly id: string;
  readonly sizeBytes: number;
  /** When the agent saw it first, and when it was last used by a container. */
  readonly firstSeen: Date;
  readonly lastUsed: Date;
  readonly inUse: boolean;
}

/** How full the file system with the images is. */
export interface DiskUsage {
  readonly capacityBytes: number;
  readonly availableBytes: number;
}

/** The kubelet's `imageGCHighThresholdPercent`, `imageGCLowThresholdPercent` and `imageMinimumGCAge`. */
const highPercent = 85;
const lowPercent = 80;
const leastAge = 120_000;

/** The images to remove, the one unused for longest first; none while there is room. */
export function imageGarbage(
  images: readonly ImageUse[],
  { capacityBytes, availableBytes }: DiskUsage,
  now: Date,
): readonly ImageUse[] {
  if (capacityBytes <= 0) return [];
  const usedPercent = 100 - Math.floor(availableBytes * 100 / capacityBytes);
  if (usedPercent < highPercent) return [];
  let toFree = capacityBytes * (100 - lowPercent) / 100 - availableBytes;
  const removable = images.filter(({ inUse, firstSeen }) =>
    !inUse && now.getTime() - firstSeen.getTime() >= leastAge
  ).toSorted((a, b) =>
    a.lastUsed.getTime() - b.lastUsed.getTime() ||
    a.firstSeen.getTime() - b.firstSeen.getTime()
  );
  return removable.filter(({ sizeBytes }) => {
    if (toFree <= 0) return false;
    toFree -= sizeBytes;
    return true;
  });
}

function isDead({ state }: ContainerRecord): boolean {
  return state.kind !== "running";
}
