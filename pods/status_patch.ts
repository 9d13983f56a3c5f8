import { isDeepStrictEqual } from "node:util";
import type { PodCondition, PodStatus } from "../k8s/types.ts";
import { sameVerdict } from "./conditions.ts";

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
] as const satisfies readonly (keyof PodStatus)[];

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
  const conditions = (status.conditions ?? []).filter((condition) =>
    !isPublished(condition, server)
  );
  if (changed.length === 0 && conditions.length === 0) return undefined;
  return {
    ...Object.fromEntries(
      changed.map((field) => [field, status[field] ?? null]),
    ),
    ...(conditions.length === 0 ? {} : { conditions }),
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
