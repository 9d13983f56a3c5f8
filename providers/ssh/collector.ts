import type { AbortOptions } from "../../async/abort.ts";
import { ChangeFeed } from "../../async/change_feed.ts";
import { delay } from "../../async/delay.ts";
import { getLogger } from "../../async/log.ts";
import { TaskGroup } from "../../async/task_group.ts";
import { UnreachableError } from "../errors.ts";
import { removeContainer } from "./create_container.ts";
import type { EngineClient } from "./engine/engine_client.ts";
import { podGarbage } from "./garbage.ts";
import type { Host } from "./host.ts";
import type { ImageCollector } from "./image_collector.ts";
import type { Inventory } from "./inventory.ts";
import type { PodFiles } from "./pod_files.ts";
import type { Sandboxes } from "./sandboxes.ts";

/** What is cleaned up, and with what. */
export interface CollectorParts {
  readonly host: Pick<Host, "name">;
  readonly engine: () => Pick<EngineClient, "removeContainer">;
  readonly inventory: Pick<Inventory, "all" | "pod" | "inspect" | "forget">;
  readonly files: Pick<PodFiles, "listPods">;
  readonly sandboxes: Pick<Sandboxes, "removeFiles">;
  readonly images: Pick<ImageCollector, "collect">;
}

/** The kubelet's periods for containers and for images. */
const containerPeriod = 60_000;
const imagePeriod = 300_000;

const log = getLogger("ssh");

/** Removes what is of no more use on a host: dead containers, files without a pod, images. */
export class Collector {
  readonly #parts: CollectorParts;
  readonly #feed = new ChangeFeed<string>();

  constructor(parts: CollectorParts) {
    this.#parts = parts;
  }

  /** Looks at a pod soon. */
  soon(podUid: string): void {
    this.#feed.notify(podUid);
  }

  /** Cleans up until aborted. */
  async run({ signal }: AbortOptions): Promise<void> {
    await using group = new TaskGroup(signal);
    group.spawn(async (signal) => {
      for await (const uid of this.#feed.changes({ signal })) {
        await this.#attempt(() => this.#collectPod(uid, { signal }), signal);
      }
    });
    group.spawn((signal) =>
      this.#every(containerPeriod, () => this.#collectPods({ signal }), signal)
    );
    group.spawn(async (signal) => {
      // Soon after the start: an agent that was killed may have left more than one that lives.
      await delay(containerPeriod, { signal });
      await this.#collectFilesAndImages({ signal });
      await this.#every(
        imagePeriod,
        () => this.#collectFilesAndImages({ signal }),
        signal,
      );
    });
    await group.join();
  }

  /** Removes at once all that is of no more use, images that no container has included. */
  async reclaim({ signal }: AbortOptions): Promise<void> {
    await this.#attempt(() => this.#collectPods({ signal }), signal);
    await this.#collectFilesAndImages({ signal }, { allUnused: true });
  }

  /** What cannot be removed does not keep the rest. */
  async #collectFilesAndImages(
    { signal }: AbortOptions,
    { allUnused = false }: { readonly allUnused?: boolean } = {},
  ): Promise<void> {
    await this.#attempt(() => this.#collectFiles({ signal }), signal);
    await this.#attempt(
      () => this.#parts.images.collect({ signal, allUnused }),
      signal,
    );
  }

  async #collectPods(options: AbortOptions): Promise<void> {
    const records = await this.#parts.inventory.all(options);
    const uids = new Set(records.map(({ pod }) => pod.uid));
    for (const uid of uids) {
      await this.#attempt(
        () => this.#collectPod(uid, options),
        options.signal,
      );
    }
  }

  async #collectPod(uid: string, options: AbortOptions): Promise<void> {
    const { engine, inventory } = this.#parts;
    const records = await inventory.pod(uid, options);
    for (const { id } of podGarbage(records)) {
      await removeContainer({ engine: engine(), inventory }, id, options);
    }
  }

  /** Files whose pod has no containers were left by an agent that was killed in between. */
  async #collectFiles(options: AbortOptions): Promise<void> {
    const { files, inventory, sandboxes } = this.#parts;
    const uids = await files.listPods(options);
    const records = await inventory.all(options);
    const known = new Set(records.map(({ pod }) => pod.uid));
    for (const uid of uids) {
      if (known.has(uid)) continue;
      await this.#attempt(
        () => sandboxes.removeFiles(uid, options),
        options.signal,
      );
    }
  }

  async #every(
    period: number,
    work: () => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    for (;;) {
      await delay(period, { signal });
      await this.#attempt(work, signal);
    }
  }

  async #attempt(work: () => Promise<void>, signal: AbortSignal) {
    try {
      await work();
    } catch (error) {
      if (signal.aborted) throw error;
      if (error instanceof UnreachableError) return;
      const host = this.#parts.host.name;
      log.warn("Cannot clean up on a host", { host, error });
    }
  }
}
