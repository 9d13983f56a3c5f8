import { abortable, type AbortOptions } from "../async/abort.ts";
import { TaskGroup } from "../async/task_group.ts";
import type { KubeClient } from "../k8s/client.ts";
import { apiPath } from "../k8s/paths.ts";
import { Reflector } from "../k8s/reflector.ts";
import type { ConfigMap, Secret } from "../k8s/types.ts";
import { waitForSync } from "./first_sync.ts";

/** Names one ConfigMap or Secret. */
export interface ObjectKey {
  readonly resource: "configmaps" | "secrets";
  readonly namespace: string;
  readonly name: string;
}

/**
 * One ConfigMap or Secret, present or not, kept up to date by a watch of its own.
 *
 * An immutable object is read once and not watched further.
 */
export class WatchedObject<T extends ConfigMap | Secret> {
  /** UIDs of the pods that need the object. */
  readonly pods = new Set<string>();

  readonly #client: KubeClient;
  readonly #key: ObjectKey;
  readonly #reflector: Reflector<T>;
  readonly #synced = Promise.withResolvers<void>();
  readonly #stop = new AbortController();
  #ready = false;
  /** What the pods were told last; undefined while the object is absent. */
  #version: string | undefined;

  constructor(client: KubeClient, key: ObjectKey) {
    const { resource, namespace, name } = key;
    this.#client = client;
    this.#key = key;
    const path = apiPath("v1", resource, { namespace });
    this.#reflector = new Reflector<T>(client, path, {
      fieldSelector: `metadata.name=${name}`,
      keyOf: ({ metadata }) => metadata?.name ?? "",
    });
  }

  /** The object as it is now, or undefined; waits for the first answer of the watch. */
  async read({ signal }: AbortOptions): Promise<T | undefined> {
    signal.throwIfAborted();
    if (!this.#ready) await this.#waitForSync({ signal });
    return this.#current();
  }

  /** Watches the object and calls `onChange` whenever it differs, until aborted or {@linkcode stop}. */
  async run(
    onChange: () => void,
    { signal }: AbortOptions,
  ): Promise<void> {
    const ended = AbortSignal.any([signal, this.#stop.signal]);
    await using tasks = new TaskGroup(ended);
    tasks.spawn((signal) => this.#reflector.run({ signal }));
    try {
      await this.#follow(onChange, tasks);
    } catch (error) {
      if (!tasks.signal.aborted) throw error;
    }
    // Throws what made the watch end by itself, if anything did.
    if (tasks.signal.aborted) await tasks.join();
  }

  /** Ends the watch; reads under way are aborted. */
  stop(): void {
    this.#stop.abort();
  }

  /** Returns when aborted, or once the object is immutable. */
  async #follow(
    onChange: () => void,
    { signal }: AbortOptions,
  ): Promise<void> {
    await this.#reflector.synced({ signal });
    // Before anybody reads: what is different from here on was not seen by any pod.
    this.#version = this.#current()?.metadata?.resourceVersion;
    this.#ready = true;
    this.#synced.resolve();
    for await (const _ of this.#reflector.changes({ signal })) {
      const object = this.#current();
      const version = object?.metadata?.resourceVersion;
      if (version !== this.#version) onChange();
      this.#version = version;
      if (object?.immutable) return;
    }
  }

  async #waitForSync({ signal }: AbortOptions): Promise<void> {
    const { resource, namespace, name } = this.#key;
    const path = apiPath("v1", resource, { namespace, name });
    await waitForSync(
      (options) => abortable(this.#synced.promise, options),
      `${resource.slice(0, -1)} "${name}" in namespace "${namespace}"`,
      {
        probe: (options) => this.#client.get(path, options),
        signal: AbortSignal.any([signal, this.#stop.signal]),
      },
    );
  }

  #current(): T | undefined {
    return this.#reflector.get(this.#key.name);
  }
}
