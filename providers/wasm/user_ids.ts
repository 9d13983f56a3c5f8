import { RuntimeError } from "../errors.ts";
import type { SecuritySettings } from "../container_spec.ts";
import type { GuestUserIds } from "./guest_spec.ts";

/** Numbers of users, and of groups, that nothing else on this machine has. */
export interface UserIdRange {
  readonly first: number;
  readonly last: number;
}

/** As many pods as any node has, above the numbers that machines give to people. */
export const defaultUserIds: UserIdRange = { first: 65_536, last: 131_071 };

/** Reads a range such as `65536-131071`; undefined for what is none, or has root in it. */
export function parseUserIds(text: string): UserIdRange | undefined {
  const [, first, last] = /^(\d+)-(\d+)$/.exec(text)?.map(Number) ?? [];
  if (first === undefined || last === undefined) return undefined;
  const isRange = first > 0 && first <= last && last < highestId;
  return isRange ? { first, last } : undefined;
}

/** The highest one stands for nobody in particular. */
const highestId = 2 ** 32 - 1;

/** The lowest number that no pod has; a `RuntimeError` when all are taken. */
export function freeUserId(
  { first, last }: UserIdRange,
  taken: Iterable<number | undefined>,
): number {
  const used = new Set(taken);
  for (let id = first; id <= last; id++) {
    if (!used.has(id)) return id;
  }
  throw new RuntimeError(
    "CreateContainerError",
    `Cannot give the pod a user of its own: all of ${first}-${last} are taken`,
  );
}

/**
 * Who a guest is: the pod's own user and group, unless its `securityContext` names others.
 *
 * @param podUser The number that is the pod's; undefined where guests stay the agent's user.
 */
export function guestUser(
  podUser: number | undefined,
  { runAsUser, runAsGroup, supplementalGroups }: Pick<
    SecuritySettings,
    "runAsUser" | "runAsGroup" | "supplementalGroups"
  >,
): GuestUserIds | undefined {
  if (podUser === undefined) return undefined;
  return {
    uid: runAsUser ?? podUser,
    gid: runAsGroup ?? podUser,
    groups: supplementalGroups,
  };
}
