import type { AbortOptions } from "../async/abort.ts";
import { Deadline } from "../async/deadline.ts";
import { delay } from "../async/delay.ts";
import { getLogger } from "../async/log.ts";
import { WorkQueue } from "../async/work_queue.ts";
import type { KubeClient } from "../k8s/client.ts";
import { ApiError } from "../k8s/errors.ts";
import { apiPath } from "../k8s/paths.ts";
import type { Lease } from "../k8s/types.ts";
import {
  type AgentSignature,
  leaseDurationSeconds,
  type LeaseHolder,
  leaseHolder,
  nextRenewal,
  releasedLease,
  renewedLease,
} from "./lease_record.ts";

/** Thrown when another agent, or a kubelet, holds the node's Lease and keeps renewing it. */
export class NodeHeldError extends Error {
  override readonly name = "NodeHeldError";
  readonly nodeName: string;

  constructor(
    nodeName: string,
    holder: Exclude<LeaseHolder, { readonly kind: "nobody" }>,
    now: Date,
  ) {
    super(heldMessage(nodeName, holder, now));
    this.nodeName = nodeName;
  }
}

/** What a {@linkcode NodeLease} belongs to. */
export interface NodeLeaseOptions {
  readonly nodeName: string;
  readonly agent: AgentSignature;
  /** The UID of the Node as it is now; undefined when there is none. */
  readonly nodeUid: () => string | undefined;
}

/**
 * The Lease that says that the node is alive, and which agent is behind it.
 *
 * Each write carries the resource version of the Lease as this agent last saw it, so of two
 * agents that reach for it at once only one gets it.
 */
export class NodeLease {
  readonly #client: KubeClient;
  readonly #options: NodeLeaseOptions;
  readonly #queue = new WorkQueue<"lease">();
  /** The Lease as this agent last wrote it; undefined when it has to be read anew. */
  #lease: Lease | undefined;
  #failures = 0;

  constructor(client: KubeClient, options: NodeLeaseOptions) {
    this.#client = client;
    this.#options = options;
  }

  /**
   * Takes the Lease, or throws {@linkcode NodeHeldError}.
   *
   * Takes at once what nobody renews any more, what was released and what an earlier run of the
   * same agent left. Waits for an API server that does not answer.
   */
  async acquire({ signal }: AbortOptions): Promise<void> {
    const { agent } = this.#options;
    while (true) {
      const renewed = await this.#attempt(
        { signal },
        (holder) => holder.id === agent.id,
      );
      if (renewed) return;
      await delay(nextRenewal(this.#failures), { signal });
    }
  }

  /**
   * Renews the Lease until aborted; it must have been acquired.
   *
   * @throws {NodeHeldError} When someone else has taken the Lease and renews it.
   */
  async run({ signal }: AbortOptions): Promise<void> {
    const { agent } = this.#options;
    this.#queue.add("lease", { after: nextRenewal(0) });
    await this.#queue.run(async () => {
      try {
        await this.#attempt({ signal }, (holder) => holder.run === agent.run);
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
      this.#queue.add("lease", { after: nextRenewal(this.#failures) });
    }, { concurrency: 1, signal });
  }

  /** Renews as soon as possible: the Node has another UID. */
  renewSoon(): void {
    this.#queue.add("lease");
  }

  /** Lets the next agent take the Lease at once; does nothing if it is lost already. */
  async release({ signal }: AbortOptions): Promise<void> {
    const { agent } = this.#options;
    // Read anew: the answer to the last renewal may not have arrived.
    const lease = await this.#client.get<Lease>(this.#path, { signal });
    if (lease === undefined) return;
    const holder = leaseHolder(lease, new Date());
    if (holder.kind !== "agent" || holder.agent.run !== agent.run) return;
    const released = releasedLease(lease, agent);
    await this.#client.replace<Lease>(this.#path, released, { signal });
    this.#lease = undefined;
  }

  /** Renews once; false when the API server is to be asked again later. */
  async #attempt(
    { signal }: AbortOptions,
    isOurs: (holder: AgentSignature) => boolean,
  ): Promise<boolean> {
    using deadline = new Deadline(requestTimeout, { signal });
    try {
      await this.#renew(deadline, isOurs);
      if (this.#failures > 0) {
        log.info("Renewed the lease again", { failures: this.#failures });
      }
      this.#failures = 0;
      return true;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof NodeHeldError) throw error;
      this.#failures++;
      const fields = { error, failures: this.#failures };
      if (isRace(error)) log.debug("Lease was changed by someone else", fields);
      else log.warn("Cannot renew the lease; trying again", fields);
      // It may have been changed or deleted: it is read before the next attempt.
      this.#lease = undefined;
      return false;
    }
  }

  async #renew(
    { signal }: AbortOptions,
    isOurs: (holder: AgentSignature) => boolean,
  ): Promise<void> {
    const { nodeName, agent, nodeUid } = this.#options;
    const lease = this.#lease ??
      await this.#client.get<Lease>(this.#path, { signal });
    const now = new Date();
    if (lease !== undefined && lease !== this.#lease) {
      const holder = leaseHolder(lease, now);
      const ours = holder.kind === "nobody" ||
        (holder.kind === "agent" && isOurs(holder.agent));
      if (!ours) throw new NodeHeldError(nodeName, holder, now);
    }
    const body = renewedLease(lease, {
      nodeName,
      nodeUid: nodeUid(),
      agent,
      now,
    });
    this.#lease = lease === undefined
      ? await this.#client.create<Lease>(leasesPath, body, { signal })
      : await this.#client.replace<Lease>(this.#path, body, { signal });
  }

  get #path(): string {
    return leasePath(this.#options.nodeName);
  }
}

/** Where the Lease of a node is. */
export function leasePath(nodeName: string): string {
  return apiPath("coordination.k8s.io/v1", "leases", {
    namespace: "kube-node-lease",
    name: nodeName,
  });
}

/** Milliseconds; a renewal that takes longer than the interval is given up. */
const requestTimeout = 10_000;

const leasesPath = apiPath("coordination.k8s.io/v1", "leases", {
  namespace: "kube-node-lease",
});

const log = getLogger("lease");

/** Someone else wrote the Lease first, or asked for it first. */
function isRace(error: unknown): boolean {
  return error instanceof ApiError && error.code === 409;
}

function heldMessage(
  nodeName: string,
  holder: Exclude<LeaseHolder, { readonly kind: "nobody" }>,
  now: Date,
): string {
  const who = holder.kind === "agent"
    ? `another farlet agent (${holder.agent.description})`
    : "a kubelet or another virtual node";
  const age = now.getTime() - holder.renewedAt.getTime();
  const seconds = Math.max(0, Math.round(age / 1000));
  return `Cannot be node "${nodeName}": ${who} holds it and renewed its lease ${seconds} s ago; ` +
    `stop that one or choose another node name (a lease that is no longer renewed is free after ` +
    `${leaseDurationSeconds} s)`;
}
