import type { FilesystemSample, NodeSample } from "../providers/provider.ts";

/** What of a node may run short, in the kubelet's words. */
export const evictionSignals = [
  "memory.available",
  "nodefs.available",
  "nodefs.inodesFree",
  "imagefs.available",
  "imagefs.inodesFree",
  "pid.available",
] as const;
export type EvictionSignal = (typeof evictionSignals)[number];

/** A quantity, or a share of what the node has. */
export type ThresholdAmount =
  | { readonly kind: "quantity"; readonly amount: number }
  /** From 0 to 1. */
  | { readonly kind: "share"; readonly share: number };

/** How little of something may be left. */
export interface EvictionThreshold {
  readonly signal: EvictionSignal;
  readonly amount: ThresholdAmount;
  /** How long it may be that little before pods are evicted, in milliseconds; 0 for a hard threshold. */
  readonly graceMs: number;
  /** How much more than the threshold must be free again before evictions end. */
  readonly minimumReclaim?: ThresholdAmount;
}

/** When pods are evicted from a node that runs short, as a KubeletConfiguration says it. */
export interface EvictionSettings {
  /** None: pods are never evicted for the sake of the node. */
  readonly thresholds: readonly EvictionThreshold[];
  /** How long a pressure condition stays after it was last observed, in milliseconds. */
  readonly transitionMs: number;
  /** What a pod that is evicted by a soft threshold has at most to end. */
  readonly maxPodGraceSeconds: number;
}

/** The kubelet's `DefaultEvictionHard` for Linux. */
export const defaultEvictionHard: Readonly<
  Partial<Record<EvictionSignal, ThresholdAmount>>
> = {
  "memory.available": { kind: "quantity", amount: 100 * 2 ** 20 },
  "nodefs.available": { kind: "share", share: 0.1 },
  "nodefs.inodesFree": { kind: "share", share: 0.05 },
  "imagefs.available": { kind: "share", share: 0.15 },
  "imagefs.inodesFree": { kind: "share", share: 0.05 },
};

/** What a kubelet does that is told nothing. */
export const defaultEviction: EvictionSettings = {
  thresholds: evictionSignals.flatMap((signal): EvictionThreshold[] => {
    const amount = defaultEvictionHard[signal];
    return amount === undefined ? [] : [{ signal, amount, graceMs: 0 }];
  }),
  transitionMs: 300_000,
  maxPodGraceSeconds: 0,
};

/** How much of something there is, and how much of it is left. */
export interface SignalReading {
  readonly available: number;
  readonly capacity: number;
}

/** What was read of a node; a signal that nobody could read is absent. */
export type SignalReadings = ReadonlyMap<EvictionSignal, SignalReading>;

/** What a sample says of the signals. A reading that cannot be true is left out. */
export function signalReadings(
  { memoryBytes, memoryAvailableBytes, filesystem, imageFilesystem, processes }:
    NodeSample,
): SignalReadings {
  const found = new Map<EvictionSignal, SignalReading>();
  const add = (signal: EvictionSignal, available = NaN, capacity = NaN) => {
    if (!(capacity > 0 && available >= 0 && available <= capacity)) return;
    found.set(signal, { available, capacity });
  };
  const addDisk = (name: "nodefs" | "imagefs", disk?: FilesystemSample) => {
    if (disk === undefined) return;
    add(`${name}.available`, disk.availableBytes, disk.capacityBytes);
    add(`${name}.inodesFree`, disk.inodesFree, disk.inodes);
  };
  const available = memoryAvailableBytes ?? NaN;
  add("memory.available", available, memoryBytes + available);
  addDisk("nodefs", filesystem);
  addDisk("imagefs", imageFilesystem);
  if (processes !== undefined) {
    const { running, max } = processes;
    add("pid.available", Math.max(0, max - running), max);
  }
  return found;
}

/** The thresholds that are crossed now; one whose signal was not read is not. */
export function crossedThresholds(
  thresholds: readonly EvictionThreshold[],
  readings: SignalReadings,
  { withReclaim = false }: { readonly withReclaim?: boolean } = {},
): readonly EvictionThreshold[] {
  return thresholds.filter(({ signal, amount, minimumReclaim }) => {
    const reading = readings.get(signal);
    if (reading === undefined) return false;
    const more = withReclaim && minimumReclaim !== undefined
      ? amountOf(minimumReclaim, reading)
      : 0;
    return reading.available < amountOf(amount, reading) + more;
  });
}

/** A threshold's amount in units of its signal. */
export function amountOf(
  amount: ThresholdAmount,
  { capacity }: Pick<SignalReading, "capacity">,
): number {
  switch (amount.kind) {
    case "quantity":
      return amount.amount;
    case "share":
      return Math.trunc(amount.share * capacity);
  }
}
