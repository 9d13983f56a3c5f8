import { getLogger } from "../../async/log.ts";
import { unknownExit } from "./exit.ts";
import { killProcess } from "./process_identity.ts";
import type { PodRecord, StateRecords, StoredRun } from "./records.ts";
import type { Run } from "./run.ts";

/** A pod as the runtime keeps it. */
export interface Pod {
  record: PodRecord;
  /** By container, the newest run last: at most two. */
  readonly runs: Map<string, readonly Run[]>;
}

/**
 * Takes over, by UID, the pods that earlier agents left.
 *
 * A run that nobody saw end has ended now: guests do not outlive their agent, and one that does
 * all the same is killed.
 */
export async function adoptPods(
  records: StateRecords,
): Promise<Map<string, Pod>> {
  const pods = new Map<string, Pod>();
  for (const record of await records.listPods()) {
    const runs = new Map<string, readonly Run[]>();
    for (const stored of await records.listRuns(record.uid)) {
      const { name } = stored.record;
      const run = await adoptRun(records, record.uid, stored);
      runs.set(name, [...runs.get(name) ?? [], run].slice(-2));
    }
    pods.set(record.uid, { record, runs });
  }
  return pods;
}

async function adoptRun(
  records: StateRecords,
  uid: string,
  { record, exit }: StoredRun,
): Promise<Run> {
  const { id, name, attempt, process, startedAt } = record;
  const dir = records.runDir(uid, name, attempt);
  const ended = Promise.resolve();
  if (exit !== undefined) return { record, dir, exit, ended };
  const killed = process !== undefined && await killProcess(process);
  const unknown = unknownExit(new Date(startedAt), new Date());
  await records.writeExit(dir, unknown);
  getLogger("wasm").info("Ended a container of an earlier agent", {
    container: name,
    id,
    killed,
  });
  return { record, dir, exit: unknown, ended };
}
