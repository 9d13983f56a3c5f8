import type { AbortOptions } from "../../async/abort.ts";
import { listLogs } from "../log_rotation.ts";
import type { ContainerSample, RuntimeStats } from "../samples.ts";
import type { Pod } from "./adoption.ts";
import { terminationDir } from "./mounts.ts";
import { processUsage } from "./process_identity.ts";
import type { StateRecords } from "./records.ts";
import { logPath, type Run } from "./run.ts";
import { type VolumePlace, VolumeUsage } from "./volume_usage.ts";

/** Measures what pods use of this machine. */
export class RuntimeUsage implements AsyncDisposable {
  readonly #records: StateRecords;
  readonly #volumes = new VolumeUsage();
  /** What containers write outside of volumes, by the name of the container. */
  readonly #roots = new VolumeUsage();

  constructor(records: StateRecords) {
    this.#records = records;
  }

  /** The containers that run now, and the volumes that are kept in the state directory. */
  async sample(
    pods: ReadonlyMap<string, Pod>,
    options: AbortOptions,
  ): Promise<RuntimeStats> {
    const running = [...pods].flatMap(([podUid, { runs }]) =>
      [...runs.values()].map((runs) => sampleContainer(podUid, runs))
    );
    const [containers, roots, volumes] = await Promise.all([
      Promise.all(running),
      this.#roots.sample(rootPlaces(pods), options),
      this.#volumes.sample(this.#places(pods), options),
    ]);
    const rootBytes = new Map(
      roots.map(({ podUid, volume, usedBytes }) => [
        rootKey(podUid, volume),
        usedBytes,
      ]),
    );
    return {
      containers: containers.filter((sample) => sample !== undefined)
        .map((sample) => ({
          ...sample,
          rootfsBytes:
            rootBytes.get(rootKey(sample.podUid, sample.container)) ?? 0,
        })),
      volumes,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#volumes[Symbol.asyncDispose]();
    await this.#roots[Symbol.asyncDispose]();
  }

  /** What a hostPath volume takes up is not the pod's. */
  #places(pods: ReadonlyMap<string, Pod>): readonly VolumePlace[] {
    return [...pods].flatMap(([podUid, { record }]) =>
      Object.entries(record.volumes)
        .filter(([_, { kind }]) => kind !== "hostPath")
        .map(([volume]) => ({
          podUid,
          volume,
          directory: this.#records.volumeDir(podUid, volume),
        }))
    );
  }
}

/** The directories beside volumes that the newest runs of containers may write to. */
function rootPlaces(pods: ReadonlyMap<string, Pod>): readonly VolumePlace[] {
  return [...pods].flatMap(([podUid, { runs }]) =>
    [...runs].flatMap(([volume, runs]) =>
      runs.slice(-1).map((run) => ({
        podUid,
        volume,
        directory: terminationDir(run.dir),
      }))
    )
  );
}

function rootKey(podUid: string, container: string): string {
  return `${podUid}/${container}`;
}

/** The process of the container's newest run; the logs of all runs that are kept. */
async function sampleContainer(
  podUid: string,
  runs: readonly Run[],
): Promise<ContainerSample | undefined> {
  const { record, guest, exit } = runs.at(-1) ?? {};
  if (record === undefined || guest === undefined || exit) return undefined;
  const usage = await processUsage(guest.pid);
  if (usage === undefined) return undefined;
  const logs = await Promise.all(runs.map(({ dir }) => listLogs(logPath(dir))));
  const sizes = await Promise.all(logs.flat().map(sizeOf));
  return {
    podUid,
    container: record.name,
    at: new Date(),
    startedAt: new Date(record.startedAt),
    ...usage,
    logBytes: sizes.reduce((sum, size) => sum + size, 0),
  };
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await Deno.lstat(path)).size;
  } catch (error) {
    // An old log that was removed a moment ago.
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}
