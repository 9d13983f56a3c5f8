import type { AbortOptions } from "../async/abort.ts";
import { backoffDelay, jitter } from "../async/backoff.ts";
import { Deadline } from "../async/deadline.ts";
import { getLogger } from "../async/log.ts";
import { TaskGroup } from "../async/task_group.ts";
import { WorkQueue } from "../async/work_queue.ts";
import type { KubeClient } from "../k8s/client.ts";
import { ApiError } from "../k8s/errors.ts";
import { apiPath } from "../k8s/paths.ts";
import type { Reflector } from "../k8s/reflector.ts";
import type { Node, NodeCondition, NodeStatus } from "../k8s/types.ts";
import type { ConditionSource } from "../providers/provider.ts";
import { nodeConditions, nodeReadiness, type Readiness } from "./conditions.ts";
import type { NodeConfig } from "./node_config.ts";
import type { NodeEvents } from "./node_events.ts";
import { nodeObject, nodeStatus } from "./node_object.ts";
import type { ProviderWatch } from "./provider_watch.ts";
import { registerNode } from "./registration.ts";
import { reportInterval, statusPatch } from "./status_patch.ts";

/** Whether the machine behind a node is about to go down. */
export interface MachineState {
  readonly isShuttingDown: boolean;
  /** Yields whenever that changes, until aborted. */
  changes(options: AbortOptions): AsyncIterable<unknown>;
}

/** What a {@linkcode NodePublisher} works with. */
export interface NodePublisherOptions {
  readonly client: KubeClient;
  readonly config: NodeConfig;
  /** The provider's name. */
  readonly provider: string;
  readonly watch: ProviderWatch;
  /** The API server's nodes of this name. */
  readonly nodes: Reflector<Node>;
  /** Called when the Node has been created or adopted, and again when it was re-created. */
  readonly registered: () => void;
  /** Conditions that other parts of the agent answer for. */
  readonly conditions: readonly ConditionSource[];
  readonly shutdown?: MachineState;
  /** Told of what becomes of the node. */
  readonly events?: NodeEvents;
}

/**
 * Keeps the Node in being and its status true.
 *
 * Each change is published at once, an unchanged status every five minutes. What it compares with
 * is the API server's Node, so that a status that someone else has changed is put right too.
 */
export class NodePublisher {
  readonly #options: NodePublisherOptions;
  readonly #queue = new WorkQueue<"node">();
  readonly #path: string;
  /** The Node as the last answer had it; the reflector may lag behind. */
  #latest: Node | undefined;
  #registeredUid: string | undefined;
  /** Whether the start was recorded. */
  #started = false;
  #podsSynced = false;
  #stopping: Readiness | undefined;
  #failures = 0;

  constructor(options: NodePublisherOptions) {
    this.#options = options;
    this.#path = apiPath("v1", "nodes", { name: options.config.name });
  }

  /** The Node as last heard of; undefined while there is none. */
  node(): Node | undefined {
    const [seen] = this.#options.nodes.list();
    return newer(seen, this.#latest);
  }

  /** Says that the node's pods are known: from now on its health decides whether it is ready. */
  podsSynced(): void {
    this.#podsSynced = true;
    this.#queue.add("node");
  }

  /** Publishes Ready=False from now on, whatever the provider says. */
  markNotReady(reason: string, message: string): void {
    this.#stopping = { kind: "notReady", reason, message };
    this.#queue.add("node");
  }

  /** Whether {@linkcode markNotReady} was called. */
  get stopping(): boolean {
    return this.#stopping !== undefined;
  }

  /** Publishes until aborted. */
  async run({ signal }: AbortOptions): Promise<void> {
    await using group = new TaskGroup(signal);
    group.spawn((signal) => this.#followProvider({ signal }));
    group.spawn((signal) => this.#followNode({ signal }));
    const { conditions, shutdown } = this.#options;
    for (const source of [...conditions, ...shutdown ? [shutdown] : []]) {
      group.spawn((signal) => this.#followChanges(source, { signal }));
    }
    group.spawn((signal) =>
      this.#queue.run(() => this.#sync({ signal }), { concurrency: 1, signal })
    );
    await group.join();
  }

  /** Publishes once: registers the Node if need be, then patches its status if it differs. */
  async publish({ signal }: AbortOptions): Promise<void> {
    const node = await this.#ensureNode({ signal });
    if (node === undefined) return;
    const now = new Date();
    const patch = statusPatch(
      node.status ?? {},
      this.#wantedStatus(node, now),
      now,
    );
    if (!patch) return;
    const path = apiPath("v1", "nodes", {
      name: this.#options.config.name,
      subresource: "status",
    });
    this.#latest = await this.#options.client.patch<Node>(path, patch, {
      signal,
    });
    this.#options.events?.recordPublished(node, this.#latest);
    const fields = Object.keys(patch.status);
    log.debug("Published the node's status", { fields });
  }

  async #followProvider({ signal }: AbortOptions): Promise<void> {
    for await (const _ of this.#options.watch.changes({ signal })) {
      this.#queue.add("node");
    }
  }

  async #followChanges(
    source: Pick<ConditionSource, "changes">,
    { signal }: AbortOptions,
  ): Promise<void> {
    for await (const _ of source.changes({ signal })) this.#queue.add("node");
  }

  async #followNode({ signal }: AbortOptions): Promise<void> {
    const { nodes } = this.#options;
    for await (const uid of nodes.changes({ signal })) {
      const node = nodes.get(uid);
      const gone = node === undefined;
      if (node) this.#options.events?.recordSchedulable(node);
      if (gone && this.#latest?.metadata?.uid === uid) {
        log.warn("Someone deleted the node", { uid });
        this.#latest = undefined;
      }
      // Other drift can wait for the next reading of the provider: someone who insists on it
      // must not make farlet write as fast as it can.
      if (gone || !this.#readyIsTrue()) this.#queue.add("node");
    }
  }

  async #sync({ signal }: AbortOptions): Promise<void> {
    using deadline = new Deadline(requestTimeout, { signal });
    try {
      await this.publish(deadline);
      this.#failures = 0;
      this.#queue.add("node", { after: reportInterval });
    } catch (error) {
      if (signal.aborted) return;
      this.#failures++;
      if (error instanceof ApiError && error.code === 404) {
        this.#latest = undefined;
        this.#registeredUid = undefined;
      }
      log.warn("Cannot publish the node; trying again", {
        error,
        failures: this.#failures,
      });
      const after = jitter(backoffDelay(this.#failures, failedPublish));
      this.#queue.add("node", { after });
    }
  }

  /** Undefined while there is no Node and none may be created: its facts are unknown, or it stops. */
  async #ensureNode({ signal }: AbortOptions): Promise<Node | undefined> {
    const { client, config, provider, watch } = this.#options;
    const node = this.node();
    const uid = node?.metadata?.uid;
    if (node !== undefined && uid === this.#registeredUid) return node;
    const { facts } = watch;
    if (node === undefined && this.#stopping) return undefined;
    if (facts === undefined) {
      return await client.get<Node>(this.#path, { signal });
    }
    const wanted = nodeObject(
      { config, provider, facts },
      this.#conditions([], new Date()),
    );
    const registered = await registerNode(client, wanted, { signal });
    this.#latest = registered.node;
    this.#registeredUid = this.#latest.metadata?.uid;
    const { events } = this.#options;
    if (!this.#started) events?.recordStart(this.#latest);
    this.#started = true;
    if (registered.isNew) events?.recordPublished(undefined, this.#latest);
    this.#options.registered();
    return this.#latest;
  }

  #wantedStatus(node: Node, now: Date): NodeStatus {
    const { config, provider, watch } = this.#options;
    const conditions = this.#conditions(node.status?.conditions ?? [], now);
    const { facts } = watch;
    if (facts === undefined) return { conditions };
    return nodeStatus({ config, provider, facts }, conditions);
  }

  #conditions(before: readonly NodeCondition[], now: Date): NodeCondition[] {
    const { conditions: others } = this.#options;
    return nodeConditions(this.#readiness(), before, now, { others });
  }

  #readiness(): Readiness {
    return this.#stopping ?? nodeReadiness({
      health: this.#options.watch.health,
      podsSynced: this.#podsSynced,
      shuttingDown: this.#options.shutdown?.isShuttingDown ?? false,
    });
  }

  /** Whether the Node's Ready condition says what farlet would say. */
  #readyIsTrue(): boolean {
    const ready = this.node()?.status?.conditions
      ?.find(({ type }) => type === "Ready");
    return ready?.status ===
      (this.#readiness().kind === "ready" ? "True" : "False");
  }
}

const requestTimeout = 10_000;
const failedPublish = { base: 200, cap: 7_000 };
const log = getLogger("node");

/** Resource versions grow: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions */
function newer(a: Node | undefined, b: Node | undefined): Node | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return resourceVersion(a) > resourceVersion(b) ? a : b;
}

function resourceVersion({ metadata }: Node): number {
  return Number(metadata?.resourceVersion ?? 0);
}
