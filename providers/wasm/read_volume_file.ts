import { errno, errnoOf } from "./errno.ts";
import { OpenDirectory } from "./open_directory.ts";

const maxBytes = 1024 * 1024;

/**
 * A text that guests have left in the volume in `directory`; undefined where there is none. More
 * than 1 MiB is a `RangeError`. A link that leads out of the volume is an error.
 */
export async function readVolumeFile(
  directory: string,
  path: string,
): Promise<string | undefined> {
  try {
    using root = OpenDirectory.open(await Deno.realPath(directory));
    return new TextDecoder().decode(root.readFile(path, maxBytes));
  } catch (error) {
    if (error instanceof RangeError) throw error;
    const code = errnoOf(error);
    if (code === errno.noent || code === errno.notdir) return undefined;
    throw new Error(
      `Cannot read file "${path}" of a volume: it leads out of the volume, or is no regular file`,
      { cause: error },
    );
  }
}
