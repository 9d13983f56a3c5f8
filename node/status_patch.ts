/** What has to be written to a Node's status, decided without I/O. */
import { parseQuantity } from "../k8s/quantity.ts";
import type { NodeCondition, NodeStatus } from "../k8s/types.ts";
import { isSameCondition } from "./conditions.ts";

/** Milliseconds after which an unchanged status is written again: nodeStatusReportFrequency. */
export const reportInterval = 300_000;

/** A strategic merge patch for the status subresource. */
export interface NodeStatusPatch {
  readonly status: {
    readonly addresses?: readonly unknown[];
    readonly capacity?: Readonly<Record<string, string>>;
    readonly allocatable?: Readonly<Record<string, string>>;
    readonly conditions: readonly NodeCondition[];
    readonly declaredFeatures?: readonly string[];
    readonly daemonEndpoints?: NodeStatus["daemonEndpoints"];
    readonly nodeInfo?: Readonly<Record<string, string>>;
  };
}

/**
 * Turns `current` into `wanted`, keeping resources and conditions that `wanted` does not name.
 *
 * Undefined when they agree in all but times, and the last report is younger than
 * {@linkcode reportInterval}. Fields that `wanted` lacks are left alone.
 */
export function statusPatch(
  current: NodeStatus,
  wanted: NodeStatus,
  now: Date,
): NodeStatusPatch | undefined {
  const conditions = wanted.conditions ?? [];
  const { declaredFeatures } = wanted;
  const addresses = addressChanges(current, wanted);
  const capacity = resourceChanges(current.capacity, wanted.capacity);
  const allocatable = resourceChanges(current.allocatable, wanted.allocatable);
  const nodeInfo = changes({ ...current.nodeInfo }, { ...wanted.nodeInfo });
  const daemonEndpoints = portChange(current, wanted);
  const changed = addresses ?? capacity ?? allocatable ?? nodeInfo ??
    daemonEndpoints ?? featureChange(current, wanted);
  const before = current.conditions ?? [];
  if (
    !changed &&
    conditions.every((a) => before.some((b) => isSameCondition(a, b))) &&
    !reportDue(before, conditions, now)
  ) return undefined;
  return {
    status: {
      ...(addresses && { addresses }),
      ...(capacity && { capacity }),
      ...(allocatable && { allocatable }),
      conditions,
      ...(declaredFeatures && { declaredFeatures }),
      ...(daemonEndpoints && { daemonEndpoints }),
      ...(nodeInfo && { nodeInfo }),
    },
  };
}

function reportDue(
  before: readonly NodeCondition[],
  ours: readonly NodeCondition[],
  now: Date,
): boolean {
  return ours.some(({ type }) => {
    const reported = before.find((condition) => condition.type === type);
    const reportedAt = Date.parse(reported?.lastHeartbeatTime ?? "");
    // A report from the future was written by another clock: replace it. NaN compares as false.
    const age = now.getTime() - reportedAt;
    return !(age < reportInterval && age > -reportInterval);
  });
}

/**
 * The whole list: merged by type, as the API server would, a second InternalIP replaces the first.
 */
function addressChanges(
  current: NodeStatus,
  wanted: NodeStatus,
): readonly unknown[] | undefined {
  if (wanted.addresses === undefined) return undefined;
  const text = ({ addresses = [] }: NodeStatus) =>
    addresses.map(({ type, address }) => `${type}=${address}`).join();
  if (text(current) === text(wanted)) return undefined;
  return [...wanted.addresses, { $patch: "replace" }];
}

/** By value: the API server writes `1000` as `1k`. */
function resourceChanges(
  current: Resources | undefined,
  wanted: Resources | undefined,
): Resources | undefined {
  return changes(
    current ?? {},
    wanted ?? {},
    (a, b) => parseQuantity(a) === parseQuantity(b),
  );
}

function changes(
  current: Resources,
  wanted: Resources,
  isSame = (a: string, b: string) => a === b,
): Resources | undefined {
  const changed = Object.entries(wanted).filter(([key, value]) => {
    const before = current[key];
    return before === undefined || !isSame(before, value);
  });
  return changed.length > 0 ? Object.fromEntries(changed) : undefined;
}

type Resources = Readonly<Record<string, string>>;

function portChange(
  current: NodeStatus,
  wanted: NodeStatus,
): NodeStatus["daemonEndpoints"] {
  const port = wanted.daemonEndpoints?.kubeletEndpoint?.Port;
  if (port === current.daemonEndpoints?.kubeletEndpoint?.Port) return undefined;
  return wanted.daemonEndpoints;
}

/** None where the API server has dropped them: it would do so again. */
function featureChange(
  { declaredFeatures: current }: NodeStatus,
  { declaredFeatures: wanted }: NodeStatus,
): readonly string[] | undefined {
  if (current === undefined || current.join() === wanted?.join()) {
    return undefined;
  }
  return wanted;
}
