import {
  crossedThresholds,
  type EvictionSettings,
  type EvictionSignal,
  type EvictionThreshold,
  type SignalReadings,
} from "./eviction_thresholds.ts";

/** The conditions of a Node that say that it runs short. */
export type NodePressure = "MemoryPressure" | "DiskPressure" | "PIDPressure";

/** What is remembered of a node's shortages from one reading to the next. */
export interface PressureState {
  /** When a threshold was first found crossed, in milliseconds; those that are not are absent. */
  readonly crossedSince: ReadonlyMap<EvictionThreshold, number>;
  /** When each condition was last found. */
  readonly observedAt: ReadonlyMap<NodePressure, number>;
  /** Crossed for their grace time, and not yet relieved by as much as they must be. */
  readonly met: readonly EvictionThreshold[];
}

/** The state of a node that nobody has looked at. */
export const noPressure: PressureState = {
  crossedSince: new Map(),
  observedAt: new Map(),
  met: [],
};

/** What a reading means. */
export interface PressureVerdict {
  readonly state: PressureState;
  /** What the Node says of itself: also what was found within the transition period. */
  readonly pressures: readonly NodePressure[];
  /** What pods are to be evicted for now, the most urgent first. */
  readonly starved: readonly EvictionThreshold[];
}

/** Judges one reading by the kubelet's rules. Pure: no clock, no I/O. */
export function judgePressure(
  before: PressureState,
  readings: SignalReadings,
  { thresholds, transitionMs }: Pick<
    EvictionSettings,
    "thresholds" | "transitionMs"
  >,
  now: Date,
): PressureVerdict {
  const time = now.getTime();
  const crossed = new Set([
    ...crossedThresholds(thresholds, readings),
    ...crossedThresholds(before.met, readings, { withReclaim: true }),
    // What could not be read this time is as it was; nobody is evicted for it.
    ...[...before.crossedSince.keys()].filter(({ signal }) =>
      !readings.has(signal)
    ),
  ]);
  const crossedSince = new Map(
    [...crossed].map((each) => [each, before.crossedSince.get(each) ?? time]),
  );
  const observedAt = new Map(before.observedAt);
  for (const { signal } of crossed) {
    if (readings.has(signal)) observedAt.set(pressureOf[signal], time);
  }
  const met = [...crossed].filter((each) =>
    time - (crossedSince.get(each) ?? time) >= each.graceMs
  );
  return {
    state: { crossedSince, observedAt, met },
    pressures: [...observedAt].filter(([, at]) => time - at < transitionMs)
      .map(([pressure]) => pressure),
    starved: met.filter(({ signal }) => readings.has(signal))
      .toSorted((a, b) => urgency(a) - urgency(b)),
  };
}

/** Memory first: a node that is out of it does not get far. */
function urgency({ signal }: EvictionThreshold): number {
  return signal === "memory.available" ? 0 : 1;
}

/** The condition that a shortage means. */
const pressureOf: Readonly<Record<EvictionSignal, NodePressure>> = {
  "memory.available": "MemoryPressure",
  "nodefs.available": "DiskPressure",
  "nodefs.inodesFree": "DiskPressure",
  "imagefs.available": "DiskPressure",
  "imagefs.inodesFree": "DiskPressure",
  "pid.available": "PIDPressure",
};
