import { join } from "node:path";
import { getLogger } from "../../async/log.ts";
import { writePrivateFile } from "../../async/private_file.ts";
import type { VolumeSpec } from "../container_spec.ts";
import type { Exit, PodIdentity } from "../runtime.ts";
import { unmountBelow } from "./memory_volume.ts";
import type { PodNetwork } from "./pod_network.ts";
import type { ProcessIdentity } from "./process_identity.ts";

/** What `pod.json` says: the sandbox and its volumes. */
export interface PodRecord extends PodIdentity {
  readonly hostname: string;
  /** The user and the group that are the pod's own; absent where guests are the agent's user. */
  readonly userId?: number;
  /** Absent in the record of an agent that knew of no networks. */
  readonly network?: PodNetwork;
  /** Annotations that say how its components answer HTTP requests; see `httpSettings`. */
  readonly http?: Readonly<Record<string, string>>;
  readonly volumes: Readonly<Record<string, VolumeRecord>>;
}

/** A volume that was made; a hostPath says where it is. */
export interface VolumeRecord {
  readonly kind: VolumeSpec["kind"];
  readonly hostPath?: string;
}

/** What `container.json` says: one run of one container. */
export interface RunRecord {
  readonly id: string;
  readonly name: string;
  readonly attempt: number;
  readonly image: string;
  readonly imageId: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** Where on this machine the guest's termination message is. */
  readonly terminationFile?: string;
  /** Absent for a moment while the process is being started. */
  readonly process?: ProcessIdentity;
}

/** A run as it was found on disk. */
export interface StoredRun {
  readonly record: RunRecord;
  readonly exit?: Exit;
}

/**
 * The state directory: what the next agent must know of what this one runs.
 *
 * `pods/UID/{pod.json, volumes/NAME/, containers/NAME/ATTEMPT/{container.json, exit.json, 0.log}}`;
 * every record is written in one step and only its owner can read it.
 */
export class StateRecords {
  readonly #root: string;

  constructor(stateDir: string) {
    this.#root = join(stateDir, "pods");
  }

  /** The directory of a pod. Throws a `TypeError` for a UID that cannot name one. */
  podDir(uid: string): string {
    return join(this.#root, pathPart("pod UID", uid));
  }

  volumeDir(uid: string, volume: string): string {
    return join(this.podDir(uid), "volumes", pathPart("volume", volume));
  }

  containerDir(uid: string, container: string): string {
    const name = pathPart("container", container);
    return join(this.podDir(uid), "containers", name);
  }

  runDir(uid: string, container: string, attempt: number): string {
    return join(this.containerDir(uid, container), `${attempt}`);
  }

  async listPods(): Promise<readonly PodRecord[]> {
    const records: PodRecord[] = [];
    for (const uid of await list(this.#root)) {
      const record = await readRecord<PodRecord>(
        join(this.#root, uid, "pod.json"),
      );
      if (record?.uid === uid) records.push(record);
      // Without its record a pod was not made in full, or not removed in full.
      else {
        await unmountBelow(join(this.#root, uid));
        await remove(join(this.#root, uid));
      }
    }
    return records;
  }

  /** The runs of all containers of a pod, in the order of their attempts. */
  async listRuns(uid: string): Promise<readonly StoredRun[]> {
    const runs: StoredRun[] = [];
    for (const name of await list(join(this.podDir(uid), "containers"))) {
      for (const attempt of await list(this.containerDir(uid, name))) {
        const dir = join(this.containerDir(uid, name), attempt);
        const record = await readRecord<RunRecord>(join(dir, "container.json"));
        const exit = await readRecord<StoredExit>(join(dir, "exit.json"));
        if (record === undefined) await remove(dir);
        else if (exit === undefined) runs.push({ record });
        else runs.push({ record, exit: revive(exit) });
      }
    }
    return runs.toSorted((a, b) => a.record.attempt - b.record.attempt);
  }

  async writePod(record: PodRecord): Promise<void> {
    await Deno.mkdir(this.podDir(record.uid), privateDir);
    await writeRecord(join(this.podDir(record.uid), "pod.json"), record);
  }

  async writeRun(dir: string, record: RunRecord): Promise<void> {
    await writeRecord(join(dir, "container.json"), record);
  }

  async writeExit(dir: string, exit: Exit): Promise<void> {
    await writeRecord(join(dir, "exit.json"), exit);
  }

  async removeVolume(uid: string, volume: string): Promise<void> {
    await unmountBelow(this.volumeDir(uid, volume));
    await remove(this.volumeDir(uid, volume));
  }

  /** Lets go of the volumes and the address of a pod, and gives its record; hostPaths stay. */
  async endPod(record: PodRecord): Promise<PodRecord> {
    const volumes = Object.entries(record.volumes);
    for (const [name, { kind }] of volumes) {
      if (kind !== "hostPath") await this.removeVolume(record.uid, name);
    }
    const { network } = record;
    if (volumes.length === 0 && network?.isOver !== false) return record;
    const ended = {
      ...record,
      volumes: {},
      ...(network === undefined
        ? {}
        : { network: { ...network, isOver: true } }),
    };
    await this.writePod(ended);
    return ended;
  }

  /** Removes a pod with all that is in its directory; what hostPath volumes name stays. */
  async removePod(uid: string): Promise<void> {
    // First, so that a crash half-way leaves nothing that looks like a pod.
    await remove(join(this.podDir(uid), "pod.json"));
    await unmountBelow(this.podDir(uid));
    await remove(this.podDir(uid));
  }
}

const privateDir = { recursive: true, mode: 0o700 } as const;

type StoredExit = Omit<Exit, "startedAt" | "finishedAt"> & {
  readonly startedAt: string;
  readonly finishedAt: string;
};

function revive(exit: StoredExit): Exit {
  return {
    ...exit,
    startedAt: new Date(exit.startedAt),
    finishedAt: new Date(exit.finishedAt),
  };
}

/** Removes a file, or a directory with all in it; links are not followed. */
export async function remove(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Writes JSON to a file of mode 0600 so that readers see the old or the new one. */
export async function writeRecord(path: string, value: unknown): Promise<void> {
  await writePrivateFile(path, JSON.stringify(value));
}

/** Reads JSON that {@linkcode writeRecord} wrote; undefined when it is missing or damaged. */
export async function readRecord<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (!(error instanceof SyntaxError)) throw error;
    getLogger("wasm").warn("Ignored a damaged record", { path, error });
    return undefined;
  }
}

/** The names in a directory, sorted; none when it is missing. */
export async function list(directory: string): Promise<readonly string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(directory));
    return entries.map(({ name }) => name).toSorted();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function pathPart(what: string, name: string): string {
  if (/^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(name)) return name;
  throw new TypeError(`Cannot use ${what} "${name}" as a file name`);
}
