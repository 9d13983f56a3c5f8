import { isDeepStrictEqual } from "node:util";
import type { PodCondition, PodStatus } from "../k8s/types.ts";
import { sameVerdict } from "./conditions.ts";
import { resizeConditionTypes } from "./resize_conditions.ts";

/** The fields that the node writes, besides the conditions. */
const fields = [
  "phase",
  "reason",
  "message",
  "hostIP",
  "hostIPs",
  "podIP",
  "podIPs",
  "startTime",
  "initContainerStatuses",
  "containerStatuses",
  "ephemeralContainerStatuses",
  "observedGeneration",
  "allocatedResources",
  "resources",
] as const satisfies readonly (keyof PodStatus)[];

/** Lists that a strategic merge patch would add to, by IP address, rather than replace. */
const mergedLists: ReadonlySet<string> = new Set(["hostIPs", "podIPs"]);

/** A strategic merge patch of `status`: what is not in it stays as it is. */
export type StatusPatch = Readonly<Record<string, unknown>>;

/**
 * What must be patched to make the server's status say what the node found; undefined when it
 * does. Conditions of others are never touched, and neither is what only the server may set.
 */
export function statusPatch(
  server: PodStatus | undefined,
  status: PodStatus,
): StatusPatch | undefined {
  const changed = fields.filter((field) =>
    !isDeepStrictEqual(server?.[field] ?? null, status[field] ?? null)
  );
  const conditions = [
    ...(status.conditions ?? []).filter((condition) =>
      !isPublished(condition, server)
    ).map((condition) => conditionPatch(condition, server)),
    ...goneConditions(server, status).map((type) => ({
      type,
      $patch: "delete",
    })),
  ];
  if (changed.length === 0 && conditions.length === 0) return undefined;
  return {
    ...Object.fromEntries(
      changed.map((field) => [field, patchOf(field, server, status)]),
    ),
    ...(conditions.length === 0 ? {} : { conditions }),
  };
}

/** The server's status as it will be once the patch for `status` has been applied. */
export function mergedStatus(
  server: PodStatus | undefined,
  status: PodStatus,
): PodStatus {
  if (server === undefined) return status;
  if (statusPatch(server, status) === undefined) return server;
  const own = status.conditions ?? [];
  const gone = goneConditions(server, status);
  const others = (server.conditions ?? []).filter(({ type }) =>
    !gone.includes(type) && !own.some((condition) => condition.type === type)
  );
  const written = fields.map((field) => [field, status[field]]);
  const entries = Object.entries({ ...server, ...Object.fromEntries(written) })
    .filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(entries), conditions: [...own, ...others] };
}

/** The types of the node's own conditions that do not hold any more. */
function goneConditions(
  server: PodStatus | undefined,
  status: PodStatus,
): readonly string[] {
  const has = (of: PodStatus | undefined, wanted: string) =>
    of?.conditions?.some(({ type }) => type === wanted) === true;
  return resizeConditionTypes.filter((type) =>
    has(server, type) && !has(status, type)
  );
}

function patchOf(
  field: (typeof fields)[number],
  server: PodStatus | undefined,
  status: PodStatus,
): unknown {
  const value = status[field] ?? null;
  const known = server?.[field];
  if (!mergedLists.has(field) || !Array.isArray(value) || !known) return value;
  return [...value, { $patch: "replace" }];
}

/** What the node does not say any more of a condition would stay as it was. */
function conditionPatch(
  condition: PodCondition,
  server: PodStatus | undefined,
): Readonly<Record<string, unknown>> {
  const before = server?.conditions?.find(({ type }) =>
    type === condition.type
  );
  return {
    ...(before?.reason === undefined ? {} : { reason: null }),
    ...(before?.message === undefined ? {} : { message: null }),
    ...condition,
  };
}

function isPublished(
  condition: PodCondition,
  server: PodStatus | undefined,
): boolean {
  return (server?.conditions ?? []).some((published) =>
    sameVerdict(published, condition)
  );
}
