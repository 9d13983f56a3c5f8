import type { AbortOptions } from "../../async/abort.ts";
import { type Backoff, backoffDelay, jitter } from "../../async/backoff.ts";
import { delay } from "../../async/delay.ts";
import { getLogger } from "../../async/log.ts";
import { TaskGroup } from "../../async/task_group.ts";
import { UnreachableError } from "../errors.ts";
import type { Host } from "./host.ts";
import type { Inventory } from "./inventory.ts";
import { type Labels, ofNode } from "./labels.ts";

/** What an engine tells of a container. */
export interface ContainerEvent {
  readonly id: string;
  readonly action: string;
  /** Nanoseconds since 1970 by the clock of the host. */
  readonly timeNano: number;
  /** With the labels of the container among them. */
  readonly attributes: Labels;
}

/** What is asked of an engine for its events. */
export interface EventSource {
  /** Ends with an error when the connection is lost. */
  events(
    options: AbortOptions & {
      readonly labels: readonly string[];
      /** Only those from then on, in nanoseconds by the clock of the host; what comes now unless given. */
      readonly since?: number;
    },
  ): AsyncIterable<ContainerEvent>;
}

const log = getLogger("ssh");
/** Between attempts to listen to an engine on a host that can be reached. */
const retry: Backoff = { base: 200, cap: 10_000 };
/** A stream that lasted so long was a good one. */
const goodStream = 30_000;
/** What happens between a list and the first event is found by listing once more. */
const secondList = 1_000;
/** So many events are taken at once, then others get their turn: an engine may tell without end. */
const burst = 500;
const burstPause = 50;
/** How often the engine is asked for what its events may have left out. */
const relistPeriod = 60_000;

/** Keeps an inventory up to date by the events of the engine, until aborted. */
export async function followEngine(
  { host, engine, inventory, node }: {
    readonly host: Pick<Host, "name" | "connected">;
    readonly engine: () => EventSource;
    readonly inventory: Inventory;
    readonly node: string;
  },
  { signal }: AbortOptions,
): Promise<void> {
  let since: number | undefined;
  for (let failures = 0; !signal.aborted;) {
    let begun = performance.now();
    try {
      await host.connected({ signal });
      begun = performance.now();
      await followOnce(signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof UnreachableError)) {
        log.warn("Lost the events of the engine", { host: host.name, error });
      }
    } finally {
      inventory.follow(false);
    }
    failures = performance.now() - begun > goodStream ? 1 : failures + 1;
    await delay(jitter(backoffDelay(failures, retry)), { signal })
      .catch(() => undefined); // aborted
  }

  async function followOnce(signal: AbortSignal): Promise<void> {
    await using group = new TaskGroup(signal);
    group.spawn(async (signal) => {
      const from = since === undefined ? {} : { since };
      const options = { ...from, labels: ofNode(node), signal };
      let taken = 0;
      for await (const event of engine().events(options)) {
        since = Math.max(since ?? 0, event.timeNano);
        takeEvent(inventory, event);
        if (++taken % burst === 0) await delay(burstPause, { signal });
      }
      throw new Error("The engine ended its stream of events");
    });
    group.spawn(async (signal) => {
      await inventory.relist({ signal });
      inventory.follow(true);
      await delay(secondList, { signal });
      for (;;) {
        await inventory.relist({ signal });
        await delay(relistPeriod, { signal });
      }
    });
    await group.join();
  }
}

/** Tells the inventory what an event means for it. */
export function takeEvent(
  inventory: Pick<Inventory, "changed" | "forget" | "known">,
  { id, action, attributes }: ContainerEvent,
): void {
  switch (action) {
    case "start":
      // Whoever started it has looked at it since.
      if (inventory.known(id)?.state.kind === "running") return;
      return inventory.changed(id, attributes);
    case "die":
    case "died":
    case "oom":
    case "stop":
    case "restart":
    case "unpause":
      return inventory.changed(id, attributes);
    case "destroy":
    case "remove":
      return inventory.forget(id);
  }
}
