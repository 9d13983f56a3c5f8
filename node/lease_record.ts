/** What a node's Lease says, decided without I/O. */
import type { Lease } from "../k8s/types.ts";
import { type Backoff, backoffDelay, jitter } from "../async/backoff.ts";

/** Seconds without renewal after which the node controller counts the node as lost. */
export const leaseDurationSeconds = 40;

/** Milliseconds between renewals: a quarter of the duration, as the kubelet does. */
const renewInterval = 10_000;

/** The kubelet's: k8s.io/component-helpers/apimachinery/lease/controller.go. */
const failedRenewal: Backoff = { base: 200, cap: 7_000 };

/** Milliseconds until the next renewal, after so many failed ones in a row. */
export function nextRenewal(
  failures: number,
  random: () => number = Math.random,
): number {
  if (failures === 0) return renewInterval;
  return jitter(backoffDelay(failures, failedRenewal), random);
}

/** One run of one farlet agent, as it signs the Lease. */
export interface AgentSignature {
  /** Stable over restarts of the agent. */
  readonly id: string;
  /** New for each run of the agent. */
  readonly run: string;
  /** For people, such as `build-7, pid 4711`. */
  readonly description: string;
}

/** Who renews a Lease. */
export type LeaseHolder =
  /** Nobody, or nobody any more. */
  | { readonly kind: "nobody" }
  | {
    readonly kind: "agent";
    readonly agent: AgentSignature;
    readonly renewedAt: Date;
  }
  /** Not a farlet agent: a kubelet or another virtual node. */
  | { readonly kind: "stranger"; readonly renewedAt: Date };

/** Who holds `lease` as of `now`. A Lease that was not renewed in time is nobody's. */
export function leaseHolder(lease: Lease, now: Date): LeaseHolder {
  const { renewTime } = lease.spec ?? {};
  if (renewTime === undefined) return { kind: "nobody" };
  const renewedAt = new Date(renewTime);
  const duration = lease.spec?.leaseDurationSeconds ?? leaseDurationSeconds;
  if (now.getTime() - renewedAt.getTime() > duration * 1000) {
    return { kind: "nobody" };
  }
  const record = parseRecord(lease.metadata?.annotations?.[agentAnnotation]);
  // Others renew a Lease without knowing of the annotation: it holds for one renewal only.
  if (
    record === undefined ||
    new Date(record.renewTime).getTime() !== renewedAt.getTime()
  ) return { kind: "stranger", renewedAt };
  if (record.released) return { kind: "nobody" };
  const { id, run, description } = record;
  return { kind: "agent", agent: { id, run, description }, renewedAt };
}

/** What {@linkcode renewedLease} writes. */
export interface Renewal {
  readonly nodeName: string;
  /** The Node that owns the Lease; undefined before it exists. */
  readonly nodeUid: string | undefined;
  readonly agent: AgentSignature;
  readonly now: Date;
}

/** `lease`, or a new one, as `agent` renews it; what others have written stays. */
export function renewedLease(
  lease: Lease | undefined,
  { nodeName, nodeUid, agent, now }: Renewal,
): Lease {
  // MicroTime has six digits.
  const renewTime = now.toISOString().replace("Z", "000Z");
  const owner = nodeUid !== undefined &&
    { apiVersion: "v1", kind: "Node", name: nodeName, uid: nodeUid };
  const record = { ...agent, renewTime, released: false };
  return {
    ...lease,
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: {
      ...lease?.metadata,
      name: nodeName,
      namespace: "kube-node-lease",
      annotations: {
        ...lease?.metadata?.annotations,
        [agentAnnotation]: JSON.stringify(record),
      },
      ...(owner && { ownerReferences: [owner] }),
    },
    spec: {
      ...lease?.spec,
      holderIdentity: nodeName,
      leaseDurationSeconds,
      renewTime,
    },
  };
}

/**
 * `lease` given up by `agent`: the next agent may take it at once.
 *
 * The time of the last renewal stays: the node controller must see no step back.
 */
export function releasedLease(lease: Lease, agent: AgentSignature): Lease {
  const { renewTime } = lease.spec ?? {};
  const record = { ...agent, renewTime, released: true };
  return {
    ...lease,
    metadata: {
      ...lease.metadata,
      annotations: {
        ...lease.metadata?.annotations,
        [agentAnnotation]: JSON.stringify(record),
      },
    },
  };
}

const agentAnnotation = "farlet.dev/agent";

interface AgentRecord extends AgentSignature {
  readonly renewTime: string;
  readonly released: boolean;
}

/** Undefined when there is none, or when it is not what farlet writes. */
function parseRecord(text: string | undefined): AgentRecord | undefined {
  if (text === undefined) return undefined;
  let record: Partial<Record<keyof AgentRecord, unknown>> | null;
  try {
    record = JSON.parse(text);
  } catch {
    return undefined; // Someone edited it: as good as none.
  }
  const { id, run, description, renewTime, released } = record ?? {};
  if (
    typeof id !== "string" || typeof run !== "string" ||
    typeof description !== "string" || typeof renewTime !== "string"
  ) return undefined;
  return { id, run, description, renewTime, released: released === true };
}
