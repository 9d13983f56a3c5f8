/** An image of a node, as the decision to remove it sees it. */
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
