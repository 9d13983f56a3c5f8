import type { IndexEntry } from "./manifest.ts";
import { foreignPlatforms, platformRank } from "./packaging.ts";

/**
 * The entry of an index for WASI: by its platform, else the first that is an artifact of a program.
 * Throws a `TypeError` that names the platforms there are.
 */
export function selectManifest(entries: readonly IndexEntry[]): IndexEntry {
  const ranked = entries.flatMap((entry) => {
    const rank = entry.platform && platformRank(entry.platform);
    return rank === undefined ? [] : [{ entry, rank }];
  }).toSorted((a, b) => a.rank - b.rank);
  const [best] = ranked;
  if (best !== undefined) return best.entry;
  const artifact = entries.find(({ platform, artifactType = "" }) =>
    platform === undefined && /wasm/.test(artifactType)
  );
  if (artifact !== undefined) return artifact;
  throw new TypeError(
    foreignPlatforms(
      entries.flatMap(({ platform }) => platform ? [platform] : []),
    ),
  );
}
