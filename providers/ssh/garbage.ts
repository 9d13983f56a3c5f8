import type { ContainerRecord } from "./container_record.ts";
import { byAttempt, newestSandbox } from "./observe.ts";

/** How many runs of a container are kept: the newest, and the one before for its log and exit. */
const keptRuns = 2;

/** What of one pod is of no more use: dead runs beyond the kept ones, sandboxes that were replaced. */
export function podGarbage(
  records: readonly ContainerRecord[],
): readonly ContainerRecord[] {
  const runs = Map.groupBy(
    records.filter(({ kind }) => kind === "container"),
    ({ container }) => container,
  );
  const old = [...runs.values()].flatMap((of) =>
    of.toSorted(byAttempt).slice(0, -keptRuns).filter(isDead)
  );
  // Podman does not part from a sandbox before the containers that ran in it.
  const used = new Set(
    records.filter((record) => !old.includes(record))
      .map(({ sandbox }) => sandbox),
  );
  const newest = newestSandbox(records);
  const sandboxes = records.filter((record) =>
    record.kind === "sandbox" && record !== newest && isDead(record) &&
    !used.has(record.id)
  );
  return [...old, ...sandboxes];
}

function isDead({ state }: ContainerRecord): boolean {
  return state.kind !== "running";
}
