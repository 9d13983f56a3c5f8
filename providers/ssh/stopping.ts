import type { AbortOptions } from "../../async/abort.ts";
import { Deadline } from "../../async/deadline.ts";
import type { ContainerRecord } from "./container_record.ts";
import type { Inventory } from "./inventory.ts";

/** What stopping asks of an engine. */
export interface KillingEngine {
  /** Fails when the container does not run. */
  killContainer(
    id: string,
    signalName: string,
    options: AbortOptions,
  ): Promise<void>;
}

/** How long after a SIGKILL a container is looked at again. */
const killTime = 2_000;
/** How long after a signal was refused a container may be said to run. */
const settleTime = 1_000;
/** After so many, something holds it that no signal ends. */
const mostKills = 5;

/**
 * Ends containers as the kubelet does: a signal, the grace period, SIGKILL. The time is kept here:
 * an engine that waits for a container lets nobody else near it.
 */
export class Stopping {
  readonly #engine: () => KillingEngine;
  readonly #inventory: Inventory;
  /** The containers that were asked to end, by ID. */
  readonly #asked = new Set<string>();
  /** Those that were killed from here, so not by the kernel for want of memory. */
  readonly #killed = new Set<string>();

  constructor(engine: () => KillingEngine, inventory: Inventory) {
    this.#engine = engine;
    this.#inventory = inventory;
  }

  /** Whether the container was killed from here. */
  hasKilled(id: string): boolean {
    return this.#killed.has(id);
  }

  /** Lets go of what is known of a container that is gone. */
  forget(id: string): void {
    this.#asked.delete(id);
    this.#killed.delete(id);
  }

  /** Resolves once the container does not run. Any number of calls may be under way. */
  async stop(
    { id, stopSignal }: ContainerRecord,
    { graceSeconds, signal }: AbortOptions & { readonly graceSeconds: number },
  ): Promise<void> {
    if (graceSeconds > 0) {
      if (!this.#asked.has(id)) {
        this.#asked.add(id);
        if (!await this.#send(id, stopSignal, { signal })) return;
      }
      if (await this.#ends(id, graceSeconds * 1_000, { signal })) return;
    }
    for (let kills = 0; kills < mostKills; kills++) {
      this.#killed.add(id);
      if (!await this.#send(id, "SIGKILL", { signal })) return;
      if (await this.#ends(id, killTime, { signal })) return;
    }
    throw new Error(`Cannot stop container ${id}: it survives SIGKILL`);
  }

  /** Sends a signal; false when the container does not run. */
  async #send(
    id: string,
    signalName: string,
    options: AbortOptions,
  ): Promise<boolean> {
    try {
      await this.#engine().killContainer(id, signalName, options);
      return true;
    } catch (error) {
      options.signal.throwIfAborted();
      // Both engines refuse to signal what does not run, each with words of its own.
      if (!await this.#runs(id, options)) return false;
      // Podman does so before it says itself that it has ended.
      if (await this.#ends(id, settleTime, options)) return false;
      throw error;
    }
  }

  /** Whether the container ends within `ms`. */
  async #ends(
    id: string,
    ms: number,
    { signal }: AbortOptions,
  ): Promise<boolean> {
    using deadline = new Deadline(ms, { signal });
    const uid = this.#inventory.known(id)?.pod.uid;
    if (uid === undefined) return true;
    for await (const changed of this.#inventory.changes(deadline)) {
      if (changed !== uid) continue;
      const records = await this.#inventory.pod(changed, { signal });
      const state = records.find((record) => record.id === id)?.state;
      if (state?.kind !== "running") return true;
    }
    signal.throwIfAborted();
    return !await this.#runs(id, { signal });
  }

  async #runs(id: string, options: AbortOptions): Promise<boolean> {
    const record = await this.#inventory.inspect(id, options);
    return record?.state.kind === "running";
  }
}
