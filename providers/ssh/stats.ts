import { abortable, type AbortOptions } from "../../async/abort.ts";
import type {
  ContainerSample,
  InterfaceSample,
  NetworkSample,
  RuntimeStats,
} from "../samples.ts";
import type { ContainerRecord } from "./container_record.ts";
import type { ContainerInspect } from "./engine/api_types.ts";
import type { EngineClient } from "./engine/engine_client.ts";
import { EngineError } from "./engine/engine_error.ts";
import type { Host } from "./host.ts";
import { readings } from "./host_readings.ts";
import { runScript } from "./host_script.ts";
import type { PlacedVolume } from "./placed_volume.ts";
import {
  parseUsageReading,
  type UsageReading,
  usageScript,
} from "./usage_script.ts";
import { HostVolumeUsage } from "./volume_usage.ts";

/** What of an engine usage needs. */
export type StatsEngine = Pick<EngineClient, "inspectContainer">;

/** How old samples may be, in milliseconds: the kubelet's housekeeping interval. */
const freshness = 10_000;

/** The name that the file system of a container has among the volumes of its ID. */
const rootfs = "rootfs";

/** What of a running container does not change. */
interface Place {
  readonly pid: number;
  readonly log: string;
  /** The directory of what it wrote to its own file system; undefined where nobody knows. */
  readonly written: string | undefined;
}

/**
 * What the containers on a host use: read by one script for all of them, at most every 10 seconds
 * while the same ones run. The sizes of directories are ten seconds to a minute old.
 */
export class ContainerUsage implements AsyncDisposable {
  readonly #host: Host;
  readonly #engine: () => StatsEngine;
  readonly #directories: HostVolumeUsage;
  readonly #stop = new AbortController();
  readonly #places = new Map<string, Place>();
  #newest: { readonly key: string; readonly at: number } | undefined;
  #reading: Promise<readonly Reading[]> = Promise.resolve([]);

  constructor(host: Host, engine: () => StatsEngine) {
    this.#host = host;
    this.#engine = engine;
    this.#directories = new HostVolumeUsage(host);
  }

  /** What these containers and sandboxes, which run, and these volumes use. */
  async sample(
    running: readonly ContainerRecord[],
    volumes: readonly PlacedVolume[],
    options: AbortOptions,
  ): Promise<RuntimeStats> {
    const key = running.map(({ id }) => id).toSorted().join(" ");
    const age = performance.now() - (this.#newest?.at ?? -Infinity);
    if (this.#newest?.key !== key || age > freshness) {
      this.#newest = { key, at: performance.now() };
      this.#reading = this.#read(running, this.#stop);
      // The next one who asks tries again.
      this.#reading.catch(() => this.#newest = undefined);
    }
    const readings = await abortable(this.#reading, options);
    const sizes = await this.#directories.sample(
      [...volumes, ...this.#written()],
      options,
    );
    const written = new Map(
      sizes.filter(({ volume }) => volume === rootfs)
        .map(({ podUid, usedBytes }) => [podUid, usedBytes]),
    );
    const ids = new Set(running.map(({ id }) => id));
    return {
      containers: readings.flatMap((each) =>
        containerSample(each, written.get(each.record.id)) ?? []
      ),
      volumes: sizes.filter(({ podUid }) => !ids.has(podUid)),
      networks: readings.flatMap((each) => networkSample(each) ?? []),
    };
  }

  /** Ends what is being read. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#reading.catch(() => undefined); // Whoever wanted it knows.
    await this.#directories[Symbol.asyncDispose]();
  }

  async #read(
    records: readonly ContainerRecord[],
    options: AbortOptions,
  ): Promise<readonly Reading[]> {
    await this.#findPlaces(records, options);
    const args = records.flatMap(({ id }) => {
      const place = this.#places.get(id);
      return place === undefined ? [] : [id, String(place.pid), place.log];
    });
    if (args.length === 0) return [];
    const text = await runScript(this.#host, usageScript, {
      action: "read what containers use",
      args,
      signal: options.signal,
    });
    const at = new Date();
    const found = readings(text);
    return records.flatMap((record): Reading[] => {
      const reading = parseUsageReading(found.get(record.id) ?? "");
      return reading === undefined ? [] : [{ ...reading, record, at }];
    });
  }

  async #findPlaces(
    records: readonly ContainerRecord[],
    options: AbortOptions,
  ): Promise<void> {
    const ids = new Set(records.map(({ id }) => id));
    for (const id of this.#places.keys()) {
      if (!ids.has(id)) this.#places.delete(id);
    }
    const unknown = [...ids].filter((id) => !this.#places.has(id));
    await Promise.all(unknown.map(async (id) => {
      const inspect = await this.#inspect(id, options);
      const place = inspect && placeOf(inspect);
      if (place !== undefined) this.#places.set(id, place);
    }));
  }

  /** Undefined for a container that went meanwhile, which engines say in more than one way. */
  async #inspect(
    id: string,
    options: AbortOptions,
  ): Promise<ContainerInspect | undefined> {
    try {
      return await this.#engine().inspectContainer(id, options);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      return undefined;
    }
  }

  /** The file systems of containers, to be measured as volumes are. */
  #written(): readonly PlacedVolume[] {
    return [...this.#places].flatMap(([id, { written }]): PlacedVolume[] =>
      written === undefined
        ? []
        : [{ podUid: id, volume: rootfs, kind: "emptyDir", path: written }]
    );
  }
}

interface Reading extends UsageReading {
  readonly record: ContainerRecord;
  readonly at: Date;
}

function placeOf(inspect: ContainerInspect): Place | undefined {
  const { State: { Pid: pid = 0 }, LogPath: log = "" } = inspect;
  return pid === 0 ? undefined : { pid, log, written: upperDirectory(inspect) };
}

/** Where overlay file systems keep what was written; other kinds do not tell. */
function upperDirectory({ GraphDriver }: ContainerInspect): string | undefined {
  if (!(typeof GraphDriver === "object" && GraphDriver !== null)) return;
  if (!("Data" in GraphDriver)) return;
  const { Data } = GraphDriver;
  if (!(typeof Data === "object" && Data !== null && "UpperDir" in Data)) {
    return;
  }
  const { UpperDir } = Data;
  return typeof UpperDir === "string" && UpperDir !== "" ? UpperDir : undefined;
}

function containerSample(
  { record, at, ...reading }: Reading,
  rootfsBytes: number | undefined,
): ContainerSample | undefined {
  const { kind, pod, container, state } = record;
  if (kind !== "container" || state.kind !== "running") return undefined;
  const { usageBytes, inactiveFileBytes, logBytes } = reading;
  return {
    podUid: pod.uid,
    container,
    at,
    startedAt: state.startedAt,
    cpuNanos: reading.cpuNanos,
    memoryBytes: Math.max(0, usageBytes - inactiveFileBytes),
    memoryUsageBytes: usageBytes,
    memoryRssBytes: reading.rssBytes,
    ...(rootfsBytes === undefined ? {} : { rootfsBytes }),
    ...(logBytes === undefined ? {} : { logBytes }),
  };
}

function networkSample(
  { record, at, network }: Reading,
): NetworkSample | undefined {
  const isPods = record.kind === "sandbox" && record.shared.network === "pod";
  if (!isPods) return undefined;
  const interfaces = parseInterfaces(network);
  return { podUid: record.pod.uid, at, interfaces };
}

/** The interfaces of `/proc/PID/net/dev` but `lo`. */
function parseInterfaces(text: string): readonly InterfaceSample[] {
  return text.split("\n").flatMap((line): InterfaceSample[] => {
    const [, name = "", counts = ""] = /^\s*([^\s:]+):\s*(\d.*)$/.exec(line) ??
      [];
    if (name === "" || name === "lo") return [];
    const [rxBytes = 0, , rxErrors = 0, , , , , , txBytes = 0, , txErrors = 0] =
      counts.trim().split(/\s+/).map(Number);
    return [{ name, rxBytes, rxErrors, txBytes, txErrors }];
  });
}
