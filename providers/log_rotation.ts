import { basename, dirname, join } from "node:path";

/** Where the log file at `path` is put aside at that time: names sort as their times do. */
export function rotatedPath(path: string, at: Date): string {
  const stamp = at.toISOString().slice(0, -1).replaceAll(/[-:]/g, "");
  return `${path}.${stamp.replace("T", "-")}`;
}

/** The files of the log whose current file is `path`, oldest first; empty if there is none. */
export async function listLogs(path: string): Promise<readonly string[]> {
  const directory = dirname(path);
  const name = basename(path);
  const rotated: string[] = [];
  let current = false;
  try {
    for await (const entry of Deno.readDir(directory)) {
      if (entry.name === name) current = true;
      if (entry.name.startsWith(`${name}.`)) rotated.push(entry.name);
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  rotated.sort();
  const names = current ? [...rotated, name] : rotated;
  return names.map((each) => join(directory, each));
}

/** Removes the oldest files of a log until `maxFiles` are left. */
export async function removeOldLogs(
  path: string,
  maxFiles: number,
): Promise<void> {
  const logs = await listLogs(path);
  for (const old of logs.slice(0, Math.max(0, logs.length - maxFiles))) {
    await Deno.remove(old);
  }
}
