/** As much of a message as the kubelet keeps, in bytes. */
const longestMessage = 4096;

/**
 * The end of what a container that has ended wrote to its termination message file, at most 4096
 * bytes; undefined when it wrote nothing since `startedAt`.
 */
export async function readTerminationMessage(
  path: string,
  startedAt: Date,
): Promise<string | undefined> {
  // The guest may have put a link in its place, to a file that it cannot read itself.
  const place = await look(path);
  if (place === undefined || !place.isFile || place.size === 0) {
    return undefined;
  }
  // A file in a volume may be of an earlier run. File times may be coarser than the clock.
  const written = place.mtime?.getTime() ?? 0;
  if (written < startedAt.getTime() - 20) return undefined;
  using file = await Deno.open(path);
  const { dev, ino, size } = await file.stat();
  if (dev !== place.dev || ino !== place.ino) return undefined;
  await file.seek(Math.max(0, size - longestMessage), Deno.SeekMode.Start);
  const buffer = new Uint8Array(longestMessage);
  let filled = 0;
  while (filled < buffer.length) {
    const read = await file.read(buffer.subarray(filled));
    if (read === null) break;
    filled += read;
  }
  return new TextDecoder().decode(buffer.subarray(0, filled));
}

async function look(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
}
