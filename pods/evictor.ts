import type { AbortOptions } from "../async/abort.ts";
import { ChangeFeed } from "../async/change_feed.ts";
import { Deadline } from "../async/deadline.ts";
import { delay } from "../async/delay.ts";
import { getLogger } from "../async/log.ts";
import type { EventSink } from "../k8s/events.ts";
import type { ObjectReference, Pod } from "../k8s/types.ts";
import type { ConditionSource, NodeSample } from "../providers/provider.ts";
import type { RuntimeStats } from "../providers/samples.ts";
import { isCriticalPod } from "./critical_pod.ts";
import {
  type Candidate,
  evictionMessage,
  rankCandidates,
  starvedResource,
} from "./eviction_ranking.ts";
import {
  crossedThresholds,
  type EvictionSettings,
  type EvictionThreshold,
  type SignalReadings,
  signalReadings,
} from "./eviction_thresholds.ts";
import { hasStorageLimit, storageExcess } from "./local_storage.ts";
import { type PodUsage, usageByPod } from "./local_usage.ts";
import {
  judgePressure,
  type NodePressure,
  noPressure,
} from "./node_pressure.ts";
import type { PodFailure } from "./plan.ts";
import { podIdentity } from "./pod_spec.ts";
import { pressureConditions } from "./pressure_conditions.ts";
import { isUnreachable } from "./unreachable.ts";

/** The pods that an {@linkcode Evictor} decides on. */
export interface EvictablePods {
  /** Those that have not ended and that nobody has asked to end. */
  active(): Iterable<Pod>;
  /** Ends a pod as failed. */
  evict(uid: string, failure: PodFailure): void;
  /** Whether nothing of a pod runs any more, and what it had on the disk is gone. */
  isOver(uid: string): boolean;
}

/** What an {@linkcode Evictor} works with; it does less where something cannot be measured. */
export interface EvictorOptions {
  readonly settings: EvictionSettings;
  readonly pods: EvictablePods;
  readonly events: EventSink;
  /** The node's object, for Events of it. */
  node(): ObjectReference;
  stats?(options: AbortOptions): Promise<RuntimeStats>;
  nodeStats?(options: AbortOptions): Promise<NodeSample>;
  /** Makes room without touching a pod. */
  reclaim?(options: AbortOptions): Promise<void>;
}

/** The kubelet's `evictionMonitoringPeriod`, in milliseconds. */
const period = 10_000;
/** How often a node without pods is looked at: there is nobody to evict. */
const idlePeriod = 30_000;
/** How long measuring may take, and making room. */
const measureTimeout = 30_000;
const reclaimTimeout = 300_000;
/** How often room is made while the node stays short of it. */
const reclaimPeriod = 60_000;
/** The kubelet's `podCleanupTimeout` and `podCleanupPollFreq`. */
const cleanupTimeout = 30_000;
const cleanupPoll = 500;
/** The kubelet's `immediateEvictionGracePeriodSeconds`. */
const immediately = 1;

/** What fails once may be a container that went meanwhile. */
const toldFailures = 3;

const log = getLogger("eviction");

/**
 * Evicts pods that use more of the node's disk than they may, and pods of a node that runs short,
 * one at a time; says of the node what it is short of. What cannot be measured, because the host
 * is away or does not tell, is no reason to evict anybody.
 */
export class Evictor {
  readonly #options: EvictorOptions;
  readonly #feed = new ChangeFeed<"pressure">();
  #state = noPressure;
  #pressures: readonly NodePressure[] = [];
  #dedicatedImages = false;
  #reclaimedAt = -Infinity;
  #failures = 0;

  /** The pressure conditions of the Node. */
  readonly conditions: readonly ConditionSource[];

  constructor(options: EvictorOptions) {
    this.#options = options;
    this.conditions = pressureConditions({
      pressures: () => this.#pressures,
      changes: (options) => this.#feed.changes(options),
    });
  }

  /** What the node is short of, or was within the transition period. */
  get pressures(): readonly NodePressure[] {
    return this.#pressures;
  }

  /** Looks every ten seconds until aborted. */
  async run({ signal }: AbortOptions): Promise<void> {
    while (!signal.aborted) {
      const evicted = await this.#attempt({ signal });
      if (evicted.length > 0) {
        await this.#untilOver(evicted, { signal });
        continue;
      }
      await delay(period, { signal });
      for (
        let idle = period;
        idle < idlePeriod && this.#isIdle;
        idle += period
      ) {
        await delay(period, { signal });
      }
    }
  }

  get #isIdle(): boolean {
    return [...this.#options.pods.active()].length === 0;
  }

  async #attempt({ signal }: AbortOptions): Promise<readonly string[]> {
    try {
      const evicted = await this.look({ signal });
      this.#failures = 0;
      return evicted;
    } catch (error) {
      signal.throwIfAborted();
      this.#failures++;
      const isNews = this.#failures === toldFailures && !isUnreachable(error);
      const message = "Cannot see what pods and node use";
      if (isNews) log.warn(message, { error });
      else log.debug(message, { error });
      return [];
    }
  }

  /** Looks once; gives the UIDs of the pods that are evicted now. */
  async look(options: AbortOptions): Promise<readonly string[]> {
    const { settings, pods } = this.#options;
    const readings = await this.#readNode(options);
    const { starved } = this.#judge(readings);
    const active = [...pods.active()].filter((pod) => !isCriticalPod(pod));
    const limited = active.filter(hasStorageLimit);
    if (limited.length === 0 && starved.length === 0) return [];
    const usage = await this.#readUsage(options);
    const excessive = this.#evictExcessive(limited, usage);
    if (excessive.length > 0) return excessive;
    const [threshold] = starved;
    if (threshold === undefined) return [];
    this.#recordShortage(threshold);
    if (await this.#reclaim(threshold, options)) return [];
    const candidates = active.flatMap((pod): Candidate[] => {
      const known = usage.get(podIdentity(pod).uid);
      return known === undefined ? [] : [{ pod, usage: known }];
    });
    const [first] = rankCandidates(candidates, threshold.signal, {
      dedicatedImages: this.#dedicatedImages,
    });
    if (first === undefined) return [];
    const graceSeconds = threshold.graceMs === 0
      ? immediately
      : settings.maxPodGraceSeconds;
    const message = evictionMessage(first, threshold, starved, readings);
    return [
      this.#evict(first.pod, { message, graceSeconds, disruption: message }),
    ];
  }

  /** What is left of what; nothing where no threshold asks for it. */
  async #readNode({ signal }: AbortOptions): Promise<SignalReadings> {
    const { nodeStats, settings } = this.#options;
    if (nodeStats === undefined) return new Map();
    const { thresholds } = settings;
    if (thresholds.length === 0) return new Map();
    using deadline = new Deadline(measureTimeout, { signal });
    const sample = await nodeStats({ signal: deadline.signal });
    const { imageFilesystem } = sample;
    this.#dedicatedImages = imageFilesystem?.dedicated ?? false;
    return signalReadings(sample);
  }

  async #readUsage(
    { signal }: AbortOptions,
  ): Promise<ReadonlyMap<string, PodUsage>> {
    const { stats } = this.#options;
    if (stats === undefined) return new Map();
    using deadline = new Deadline(measureTimeout, { signal });
    return usageByPod(await stats({ signal: deadline.signal }), new Date());
  }

  #judge(
    readings: SignalReadings,
  ): { readonly starved: readonly EvictionThreshold[] } {
    const verdict = judgePressure(
      this.#state,
      readings,
      this.#options.settings,
      new Date(),
    );
    this.#state = verdict.state;
    const before = new Set(this.#pressures);
    const now = new Set(verdict.pressures);
    this.#pressures = verdict.pressures;
    if (before.symmetricDifference(now).size > 0) {
      log.info("Pressure on the node has changed", {
        pressures: verdict.pressures,
      });
      this.#feed.notify("pressure");
    }
    return verdict;
  }

  #evictExcessive(
    limited: readonly Pod[],
    usage: ReadonlyMap<string, PodUsage>,
  ): readonly string[] {
    return limited.flatMap((pod) => {
      const used = usage.get(podIdentity(pod).uid);
      const message = used && storageExcess(pod, used, {
        dedicatedImages: this.#dedicatedImages,
      });
      if (message === undefined) return [];
      return [this.#evict(pod, { message, graceSeconds: immediately })];
    });
  }

  #evict(pod: Pod, failure: Omit<PodFailure, "reason">): string {
    const { events, pods } = this.#options;
    const { uid, namespace, name } = podIdentity(pod);
    const { message } = failure;
    const reason = "Evicted";
    log.info("Evicting a pod", { namespace, name, message });
    events.record({ apiVersion: "v1", kind: "Pod", uid, namespace, name }, {
      type: "Warning",
      reason,
      message,
    });
    pods.evict(uid, { ...failure, reason });
    return uid;
  }

  #recordShortage({ signal }: EvictionThreshold): void {
    const { events, node } = this.#options;
    events.record(node(), {
      type: "Warning",
      reason: "EvictionThresholdMet",
      message: `Attempting to reclaim ${starvedResource(signal)}`,
    });
  }

  /** Makes room on the disks; whether that was enough. */
  async #reclaim(
    { signal: starved }: EvictionThreshold,
    { signal }: AbortOptions,
  ): Promise<boolean> {
    const { reclaim, settings: { thresholds } } = this.#options;
    const resource = starvedResource(starved);
    const isDisk = resource === "ephemeral-storage" || resource === "inodes";
    const isRecent = performance.now() - this.#reclaimedAt < reclaimPeriod;
    if (reclaim === undefined || !isDisk || isRecent) return false;
    using deadline = new Deadline(reclaimTimeout, { signal });
    try {
      await reclaim({ signal: deadline.signal });
    } catch (error) {
      signal.throwIfAborted();
      if (isUnreachable(error)) throw error;
      log.warn("Cannot make room on the node", { error });
    }
    this.#reclaimedAt = performance.now();
    const readings = await this.#readNode({ signal });
    const left = crossedThresholds(thresholds, readings, { withReclaim: true });
    return left.length === 0;
  }

  /** Room is there once the pods have ended; before, the next one would be evicted for nothing. */
  async #untilOver(
    uids: readonly string[],
    { signal }: AbortOptions,
  ): Promise<void> {
    const { pods } = this.#options;
    const until = performance.now() + cleanupTimeout;
    while (!uids.every((uid) => pods.isOver(uid))) {
      if (performance.now() >= until) return;
      await delay(cleanupPoll, { signal });
    }
  }
}
