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

/** How old what is known of a volume may be: the kubelet's `volumeStatsAggPeriod`. */
const period = 60_000;

/** How long a caller waits for what is not known yet; it is there when he asks again. */
const patience = 200;

/** Measures volumes, one after the other and each at most once a minute. */
export class VolumeUsage implements AsyncDisposable {
  readonly #stop = new AbortController();
  /** By directory; undefined for what cannot be measured. */
  readonly #known = new Map<
    string,
    { readonly at: Date; readonly sample: VolumeSample | undefined }
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
    this.#measuring ??= this.#measure(places);
    using deadline = new Deadline(patience, { signal });
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
      if (known && Date.now() - known.at.getTime() < period) continue;
      try {
        const sample = await measure(place, { signal });
        this.#known.set(place.directory, { at: new Date(), sample });
      } catch (error) {
        if (signal.aborted) return;
        this.#known.set(place.directory, { at: new Date(), sample: undefined });
        const { podUid, volume } = place;
        getLogger("wasm").debug("Could not measure a volume", {
          podUid,
          volume,
          error,
        });
      }
    }
    this.#measuring = undefined;
  }
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
