import type { AbortOptions } from "../async/abort.ts";
import { ChangeFeed } from "../async/change_feed.ts";
import { delay } from "../async/delay.ts";
import { getLogger } from "../async/log.ts";
import { TaskGroup } from "../async/task_group.ts";
import { formatDuration } from "../k8s/duration.ts";
import type { EventSink, EventText } from "../k8s/events.ts";
import type { ObjectReference, Pod } from "../k8s/types.ts";
import type { MachineShutdown } from "../providers/machine_shutdown.ts";
import type { Rejection } from "./admission.ts";
import type { PodFailure } from "./plan.ts";
import { podIdentity } from "./pod_spec.ts";
import {
  shutdownGraceMs,
  type ShutdownSettings,
  shutdownSteps,
} from "./shutdown_steps.ts";

/** The pods that a {@linkcode NodeShutdown} ends. */
export interface EndablePods {
  /** Those that have not ended, also those that somebody has asked to. */
  unfinished(): Iterable<Pod>;
  /** Ends a pod as failed. */
  evict(uid: string, failure: PodFailure): void;
  /** Whether nothing of a pod runs any more, and what it had on the disk is gone. */
  isOver(uid: string): boolean;
}

/** What a {@linkcode NodeShutdown} works with. */
export interface NodeShutdownOptions {
  readonly settings: ShutdownSettings;
  readonly pods: EndablePods;
  readonly events: EventSink;
  /** The node's object, for Events of it. */
  node(): ObjectReference;
  /** Tells of the machine's shutdown until aborted. */
  watch(options: AbortOptions): AsyncIterable<MachineShutdown>;
}

type ShuttingDown = Extract<MachineShutdown, { kind: "shuttingDown" }>;

/** How often pods are looked at that are to end, in milliseconds. */
const poll = 100;

const log = getLogger("shutdown");

/** Ends the pods of a node before its machine goes down, as a kubelet's graceful node shutdown. */
export class NodeShutdown {
  readonly #options: NodeShutdownOptions;
  readonly #feed = new ChangeFeed<"shutdown">();
  #isShuttingDown = false;
  #warning = "";

  constructor(options: NodeShutdownOptions) {
    this.#options = options;
  }

  /** Whether the machine is about to go down, or has: until it is known to be up again. */
  get isShuttingDown(): boolean {
    return this.#isShuttingDown;
  }

  /** Yields whenever that changes, until aborted. */
  changes(options: AbortOptions): AsyncIterable<unknown> {
    return this.#feed.changes(options);
  }

  /** Why the node takes no pods; undefined while it does. */
  refusal(): Rejection | undefined {
    if (!this.#isShuttingDown) return undefined;
    return {
      reason: "NodeShutdown",
      message: "Pod was rejected as the node is shutting down.",
    };
  }

  /** Watches the machine until aborted. */
  async run({ signal }: AbortOptions): Promise<void> {
    let over = new AbortController();
    await using group = new TaskGroup(signal);
    for await (const news of this.#options.watch({ signal: group.signal })) {
      if (news.kind === "unwatched") {
        this.#warn("NodeShutdownUnwatched", unwatched(news.message));
        continue;
      }
      over.abort();
      over = new AbortController();
      const life = AbortSignal.any([group.signal, over.signal]);
      switch (news.kind) {
        case "watching":
          this.#set(false);
          this.#compare(news.maxDelayMs);
          break;
        case "cancelled":
          this.#record("Shutdown manager detected shutdown cancellation");
          this.#set(false);
          break;
        case "shuttingDown":
          this.#record("Shutdown manager detected shutdown event");
          this.#set(true);
          group.spawn(() => this.#end(news, { signal: life }));
      }
    }
    over.abort();
    await group.join();
  }

  /** Ends all pods, then lets the machine go on. An abort is no failure: it stays up. */
  async #end(
    { maxDelayMs, release }: ShuttingDown,
    { signal }: AbortOptions,
  ): Promise<void> {
    const { settings, pods } = this.#options;
    const all = [...pods.unfinished()];
    log.info("The machine is shutting down; ending its pods", {
      node: this.#options.node().name,
      pods: all.length,
    });
    try {
      for (const step of shutdownSteps(all, settings, { maxDelayMs })) {
        for (const { pod, graceSeconds } of step.pods) {
          const { uid, namespace, name } = podIdentity(pod);
          log.debug("Ending a pod", { namespace, name, graceSeconds });
          pods.evict(uid, { ...terminated, graceSeconds });
        }
        const uids = step.pods.map(({ pod }) => podIdentity(pod).uid);
        await this.#untilOver(uids, step.waitMs, { signal });
      }
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    await release();
    log.info("The pods have ended; the machine may shut down", {
      node: this.#options.node().name,
    });
  }

  async #untilOver(
    uids: readonly string[],
    waitMs: number,
    { signal }: AbortOptions,
  ): Promise<void> {
    const { pods } = this.#options;
    const until = performance.now() + waitMs;
    while (!uids.every((uid) => pods.isOver(uid))) {
      if (performance.now() >= until) return;
      await delay(poll, { signal });
    }
  }

  /** Says if the machine waits less long than the pods may take. */
  #compare(maxDelayMs: number): void {
    const wanted = shutdownGraceMs(this.#options.settings);
    if (wanted <= maxDelayMs) {
      this.#warning = "";
      return;
    }
    this.#warn(
      "NodeShutdownDelayTooShort",
      `systemd-logind delays a shutdown by ${formatDuration(maxDelayMs)} at ` +
        `most (InhibitDelayMaxSec), but the pods may take ` +
        `${
          formatDuration(wanted)
        } (shutdownGracePeriod): they get that much less`,
    );
  }

  #set(isShuttingDown: boolean): void {
    if (this.#isShuttingDown === isShuttingDown) return;
    this.#isShuttingDown = isShuttingDown;
    this.#feed.notify("shutdown");
  }

  /** In the kubelet's words. */
  #record(message: string): void {
    this.#event({ type: "Normal", reason: "NodeShutdown", message });
  }

  #warn(reason: string, message: string): void {
    if (this.#warning === message) return;
    this.#warning = message;
    log.warn("The machine's shutdown may end pods without their grace", {
      node: this.#options.node().name,
      why: message,
    });
    this.#event({ type: "Warning", reason, message });
  }

  #event(event: EventText): void {
    this.#options.events.record(this.#options.node(), event);
  }
}

/** The kubelet's `nodeShutdownMessage` and `nodeShutdownReason`. */
const shutdownMessage =
  "Pod was terminated in response to imminent node shutdown.";
const terminated = {
  reason: "Terminated",
  message: shutdownMessage,
  disruption: shutdownMessage,
} as const satisfies PodFailure;

function unwatched(why: string): string {
  return `Pods will not be ended before the machine of this node shuts down: ${why}`;
}
