import { apiTime } from "../k8s/time.ts";
import type { NodeCondition } from "../k8s/types.ts";
import type { ConditionSource, Health } from "../providers/provider.ts";

/** Whether pods may be given to the node, and if not, why. */
export type Readiness =
  | { readonly kind: "ready" }
  | {
    readonly kind: "notReady";
    /** A CamelCase word. */
    readonly reason: string;
    readonly message: string;
  };

/**
 * The node is ready once its pods are known, while its provider is healthy and its machine is not
 * about to go down.
 */
export function nodeReadiness(
  { health, podsSynced, shuttingDown = false }: {
    readonly health: Health;
    readonly podsSynced: boolean;
    readonly shuttingDown?: boolean;
  },
): Readiness {
  if (shuttingDown) {
    const message = "node is shutting down"; // the kubelet's words
    return { kind: "notReady", reason: "KubeletNotReady", message };
  }
  if (health.kind === "unhealthy") {
    const { reason, message } = health;
    return { kind: "notReady", reason, message };
  }
  if (podsSynced) return { kind: "ready" };
  const message = "farlet has not read the pods of this node yet";
  return { kind: "notReady", reason: "KubeletNotReady", message };
}

/**
 * The conditions that farlet owns, as of `now`.
 *
 * @param previous The conditions of the Node so far, also those of others: a condition whose
 * status is unchanged keeps the time of its last transition.
 * @param options.others Conditions that other parts answer for; none by default.
 */
export function nodeConditions(
  readiness: Readiness,
  previous: readonly NodeCondition[],
  now: Date,
  { others = [] }: { readonly others?: readonly ConditionSource[] } = {},
): NodeCondition[] {
  const time = apiTime(now);
  const said = others.map(({ condition }) => condition);
  const quiet = quietConditions.filter(({ type }) =>
    !said.some((condition) => condition.type === type)
  );
  const ours = [...quiet, ...said, readyCondition(readiness)];
  return ours.map((condition) => {
    const before = previous.find(({ type }) => type === condition.type);
    const lastTransitionTime = before?.status === condition.status
      ? before.lastTransitionTime ?? time
      : time;
    return { ...condition, lastHeartbeatTime: time, lastTransitionTime };
  });
}

/** Whether two conditions say the same, whenever they said it. */
export function isSameCondition(a: NodeCondition, b: NodeCondition): boolean {
  return a.type === b.type && a.status === b.status &&
    (a.reason ?? "") === (b.reason ?? "") &&
    (a.message ?? "") === (b.message ?? "");
}

function readyCondition(readiness: Readiness): NodeCondition {
  switch (readiness.kind) {
    case "ready":
      return {
        type: "Ready",
        status: "True",
        reason: "KubeletReady",
        message: "farlet is posting ready status",
      };
    case "notReady": {
      const { reason, message } = readiness;
      return { type: "Ready", status: "False", reason, message };
    }
  }
}

/** For nodes of which nobody says whether they run short; the reasons are the kubelet's. */
const quietConditions: readonly NodeCondition[] = [
  {
    type: "MemoryPressure",
    status: "False",
    reason: "KubeletHasSufficientMemory",
    message: "farlet has sufficient memory available",
  },
  {
    type: "DiskPressure",
    status: "False",
    reason: "KubeletHasNoDiskPressure",
    message: "farlet has no disk pressure",
  },
  {
    type: "PIDPressure",
    status: "False",
    reason: "KubeletHasSufficientPID",
    message: "farlet has sufficient PID available",
  },
  {
    type: "NetworkUnavailable",
    status: "False",
    reason: "FarletNetwork",
    message: "farlet needs no routes to the pods of this node",
  },
];
