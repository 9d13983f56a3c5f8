import { statfs } from "node:fs/promises";
import { abortable, type AbortOptions } from "../../async/abort.ts";
import { Deadline } from "../../async/deadline.ts";
import { getLogger } from "../../async/log.ts";
import type { VolumeSample } from "../samples.ts";
import { directoryUsage } from "./directory_usage.ts";

/** A volume, and where it is on this machine. */
export interface VolumePlace {
  readonly podUid: string;
  readonly volume: string;
  readonly directory: string;
}

/**
 * How old what is known of a volume may be: as often as the kubelet looks at limits, but less often
 * what takes long, down to its `volumeStatsAggPeriod`.
 */
const period = { shortest: 9_000, longest: 60_000, timesMeasuring: 100 };

/**
 * How long a caller waits for what is not known yet, and for news of what is; they are there when he
 * asks again.
 */
const patience = { unknown: 200, known: 30 };

/** Measures volumes, one after the other: small ones every few seconds, large ones every minute. */
export class VolumeUsage implements AsyncDisposable {
  readonly #stop = new AbortController();
  /** By directory; undefined for what cannot be measured. */
  readonly #known = new Map<
    string,
    { readonly dueAt: number; readonly sample: VolumeSample | undefined }
  >();
  #measuring: Promise<void> | undefined;

  /** What is known of these volumes, and of no other ones from now on. */
  async sample(
    places: readonly VolumePlace[],
    { signal }: AbortOptions,
  ): Promise<readonly VolumeSample[]> {
    const directories = new Set(places.map(({ directory }) => directory));
    for (const directory of this.#known.keys()) {
      if (!directories.has(directory)) this.#known.delete(directory);
    }
    // Set before it is unset, also where there is nothing to measure.
    this.#measuring ??= this.#measure(places).finally(() => {
      this.#measuring = undefined;
    });
    const isKnown = places.every(({ directory }) => this.#known.has(directory));
    const limit = isKnown ? patience.known : patience.unknown;
    using deadline = new Deadline(limit, { signal });
    try {
      await abortable(this.#measuring, deadline);
    } catch (error) {
      if (!deadline.expired) throw error;
    }
    return places.flatMap(({ directory }) =>
      this.#known.get(directory)?.sample ?? []
    );
  }

  /** Ends what is being measured. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#measuring;
  }

  /** Never rejects. */
  async #measure(places: readonly VolumePlace[]): Promise<void> {
    const { signal } = this.#stop;
    for (const place of places) {
      const known = this.#known.get(place.directory);
      const begin = performance.now();
      if (known && begin < known.dueAt) continue;
      try {
        const sample = await measure(place, { signal });
        const dueAt = nextTime(begin, performance.now());
        this.#known.set(place.directory, { dueAt, sample });
      } catch (error) {
        if (signal.aborted) return;
        const dueAt = begin + period.longest;
        this.#known.set(place.directory, { dueAt, sample: undefined });
        const { podUid, volume } = place;
        getLogger("wasm").debug("Could not measure a volume", {
          podUid,
          volume,
          error,
        });
      }
    }
  }
}

function nextTime(begin: number, end: number): number {
  const { shortest, longest, timesMeasuring } = period;
  const wait = Math.max(shortest, (end - begin) * timesMeasuring);
  return end + Math.min(wait, longest);
}

async function measure(
  { podUid, volume, directory }: VolumePlace,
  options: AbortOptions,
): Promise<VolumeSample | undefined> {
  const usage = await directoryUsage(directory, options);
  if (usage === undefined) return undefined;
  const { bsize, blocks, bavail } = await statfs(directory);
  return {
    podUid,
    volume,
    at: new Date(),
    ...usage,
    capacityBytes: blocks * bsize,
    availableBytes: bavail * bsize,
  };
}
