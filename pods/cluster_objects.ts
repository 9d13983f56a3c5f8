import type { AbortOptions } from "../async/abort.ts";
import { ChangeFeed } from "../async/change_feed.ts";
import { getLogger } from "../async/log.ts";
import { TaskGroup } from "../async/task_group.ts";
import type { KubeClient } from "../k8s/client.ts";
import { apiPath } from "../k8s/paths.ts";
import { Reflector } from "../k8s/reflector.ts";
import type { ConfigMap, Pod, Secret, Service } from "../k8s/types.ts";
import type { PodIdentity } from "../providers/runtime.ts";
import { waitForSync } from "./first_sync.ts";
import type {
  ObjectSource,
  ServiceAccountToken,
  TokenOptions,
} from "./objects.ts";
import { TokenCache, type TokenCacheOptions } from "./token_cache.ts";
import { type ObjectKey, WatchedObject } from "./watched_object.ts";

const log = getLogger("objects");

/** Options for {@linkcode ClusterObjects}. */
export type ClusterObjectsOptions = Pick<TokenCacheOptions, "renewAfter">;

/**
 * The objects of a cluster: only what pods refer to is read.
 *
 * Each ConfigMap and Secret has one watch for all pods that read it, from the first read until
 * the last of those pods is released; then what was read last is served also while the API server
 * is away. All Services are watched from the first question for them.
 */
export class ClusterObjects implements ObjectSource, AsyncDisposable {
  readonly #client: KubeClient;
  readonly #feed = new ChangeFeed<string>();
  readonly #tasks = new TaskGroup(new AbortController().signal);
  readonly #configMaps = new Map<string, WatchedObject<ConfigMap>>();
  readonly #secrets = new Map<string, WatchedObject<Secret>>();
  readonly #tokens: TokenCache;
  #services: Reflector<Service> | undefined;

  constructor(client: KubeClient, options: ClusterObjectsOptions = {}) {
    this.#client = client;
    this.#tokens = new TokenCache(client, {
      ...options,
      tasks: this.#tasks,
      onDue: (podUid) => this.#feed.notify(podUid),
    });
  }

  configMap(
    pod: PodIdentity,
    name: string,
    options: AbortOptions,
  ): Promise<ConfigMap | undefined> {
    const { namespace } = pod;
    const key = { resource: "configmaps", namespace, name } as const;
    return this.#watched(this.#configMaps, key, pod).read(options);
  }

  secret(
    pod: PodIdentity,
    name: string,
    options: AbortOptions,
  ): Promise<Secret | undefined> {
    const { namespace } = pod;
    const key = { resource: "secrets", namespace, name } as const;
    return this.#watched(this.#secrets, key, pod).read(options);
  }

  async services(
    namespace: string,
    { signal }: AbortOptions,
  ): Promise<readonly Service[]> {
    const services = this.#services ??= this.#watchServices();
    await waitForSync((options) => services.synced(options), "services", {
      probe: (options) =>
        this.#client.list(servicesPath(), { ...options, query: { limit: 1 } }),
      signal,
    });
    return Array.from(services.list())
      .filter(({ metadata }) => metadata?.namespace === namespace);
  }

  async runtimeHandler(
    name: string,
    options: AbortOptions,
  ): Promise<string | undefined> {
    const path = apiPath("node.k8s.io/v1", "runtimeclasses", { name });
    const found = await this.#client.get<{ readonly handler: string }>(
      path,
      options,
    );
    return found?.handler;
  }

  serviceAccountToken(
    pod: Pod,
    token: TokenOptions,
    options: AbortOptions,
  ): Promise<ServiceAccountToken> {
    return this.#tokens.get(pod, token, options);
  }

  changes({ signal }: AbortOptions): AsyncGenerator<string> {
    return this.#feed.changes({ signal });
  }

  release(podUid: string): void {
    this.#tokens.release(podUid);
    for (const watched of [this.#configMaps, this.#secrets]) {
      for (const [id, object] of watched) {
        if (!object.pods.delete(podUid) || object.pods.size > 0) continue;
        watched.delete(id);
        object.stop();
      }
    }
  }

  /** Ends all watches; reads under way are aborted. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const watched of [this.#configMaps, this.#secrets]) {
      for (const object of watched.values()) object.stop();
    }
    await this.#tasks[Symbol.asyncDispose]();
  }

  #watched<T extends ConfigMap | Secret>(
    watched: Map<string, WatchedObject<T>>,
    key: ObjectKey,
    pod: PodIdentity,
  ): WatchedObject<T> {
    const id = `${key.namespace}/${key.name}`;
    const known = watched.get(id);
    const object = known ?? new WatchedObject<T>(this.#client, key);
    object.pods.add(pod.uid);
    if (known) return known;
    watched.set(id, object);
    this.#run(
      (signal) => object.run(() => this.#tell(object.pods), { signal }),
    );
    return object;
  }

  #watchServices(): Reflector<Service> {
    const services = new Reflector<Service>(this.#client, servicesPath());
    this.#run((signal) => services.run({ signal }));
    return services;
  }

  /** Runs a watch. They end by abort only; one that fails must not take the others with it. */
  #run(watch: (signal: AbortSignal) => Promise<void>): void {
    this.#tasks.spawn(async (signal) => {
      try {
        await watch(signal);
      } catch (error) {
        if (signal.aborted) return;
        log.error("A watch of objects has ended", { error });
      }
    });
  }

  #tell(podUids: Iterable<string>): void {
    for (const podUid of podUids) this.#feed.notify(podUid);
  }
}

function servicesPath(): string {
  return apiPath("v1", "services");
}
