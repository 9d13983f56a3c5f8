import { abortable, type AbortOptions } from "../../async/abort.ts";
import { Deadline } from "../../async/deadline.ts";
import { getLogger } from "../../async/log.ts";
import type { VolumeSample } from "../samples.ts";
import type { Host } from "./host.ts";
import { parseDf, readings } from "./host_readings.ts";
import { runScript } from "./host_script.ts";
import type { PlacedVolume } from "./placed_volume.ts";

/** How old what is known may be: the kubelet's `volumeStatsAggPeriod`, and less where it costs little. */
const longestPeriod = 60_000;
/** A little less than the ten seconds after which the same ones ask again. */
const shortestPeriod = 9_500;
/** Measuring takes at most this part of the time. */
const costShare = 0.05;

/** How long a caller waits for what is not known yet; it is there when he asks again. */
const patience = 500;

/** Counting many files may take its time, in milliseconds. */
const measuringTimeout = 300_000;

/**
 * Measures the volumes on a host, all by one script: every ten seconds at most, once a minute where
 * it takes long. What a hostPath volume names, and an image, is not the pod's, and is not measured.
 */
export class HostVolumeUsage implements AsyncDisposable {
  readonly #host: Host;
  readonly #stop = new AbortController();
  #samples: readonly VolumeSample[] = [];
  #measuredAt = -Infinity;
  #period = shortestPeriod;
  #measuring: Promise<void> | undefined;

  constructor(host: Host) {
    this.#host = host;
  }

  /** What is known of these volumes. */
  async sample(
    volumes: readonly PlacedVolume[],
    { signal }: AbortOptions,
  ): Promise<readonly VolumeSample[]> {
    const own = volumes.filter(({ kind }) =>
      kind !== "hostPath" && kind !== "image"
    );
    if (this.#measuring === undefined && this.#isDue(own)) {
      this.#measuring = this.#measure(own);
    }
    using deadline = new Deadline(patience, { signal });
    try {
      await abortable(this.#measuring ?? Promise.resolve(), deadline);
    } catch (error) {
      if (!deadline.expired) throw error;
    }
    const keys = new Set(own.map(keyOf));
    return this.#samples.filter((sample) => keys.has(keyOf(sample)));
  }

  /** Ends what is being measured. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#measuring;
  }

  #isDue(volumes: readonly PlacedVolume[]): boolean {
    return volumes.length > 0 && Date.now() - this.#measuredAt >= this.#period;
  }

  /** Never rejects. */
  async #measure(volumes: readonly PlacedVolume[]): Promise<void> {
    const { signal } = this.#stop;
    const startedAt = Date.now();
    try {
      const text = await runScript(this.#host, usageScript, {
        action: "measure the volumes of pods",
        args: volumes.map(({ path }) => path),
        timeout: measuringTimeout,
        signal,
      });
      this.#samples = parseUsage(text, volumes, new Date());
    } catch (error) {
      if (!signal.aborted) {
        const host = this.#host.name;
        getLogger("ssh").debug("Could not measure volumes", { host, error });
      }
    } finally {
      this.#measuredAt = Date.now();
      const cost = (this.#measuredAt - startedAt) / costShare;
      this.#period = Math.min(Math.max(cost, shortestPeriod), longestPeriod);
      this.#measuring = undefined;
    }
  }
}

/** Reads what the script printed `at` some time; volumes that are gone are left out. */
function parseUsage(
  text: string,
  volumes: readonly PlacedVolume[],
  at: Date,
): readonly VolumeSample[] {
  const found = readings(text);
  return volumes.flatMap((volume, i): VolumeSample[] => {
    const [used = "", files = "", ...df] = (found.get(String(i + 1)) ?? "")
      .split("\n");
    const kib = Number.parseInt(used);
    if (Number.isNaN(kib)) return [];
    const disk = parseDf(df.join("\n"), "");
    return [{
      podUid: volume.podUid,
      volume: volume.volume,
      at,
      usedBytes: kib * 1024,
      inodesUsed: Number.parseInt(files) || 0,
      ...(disk === undefined ? {} : {
        capacityBytes: disk.capacityBytes,
        availableBytes: disk.availableBytes,
      }),
    }];
  });
}

function keyOf(
  { podUid, volume }: { readonly podUid: string; readonly volume: string },
): string {
  return `${podUid}/${volume}`;
}

/** Arguments: the directories. Other file systems in them are not theirs. */
const usageScript = `
if command -v nice >/dev/null 2>&1; then gently="nice -n 19"; else gently=; fi
number=0
for directory in "$@"; do
  number=$((number + 1))
  echo "=== $number"
  if ! [ -d "$directory" ]; then continue; fi
  echo "$($gently du -skx "$directory" 2>/dev/null | cut -f 1)"
  $gently find "$directory" -xdev 2>/dev/null | wc -l
  df -kP "$directory" 2>/dev/null || :
done
`;
