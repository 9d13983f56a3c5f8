import { LinuxCalls } from "./linux_calls.ts";
import type { VolumeOwner } from "../volume_dir.ts";

/**
 * Makes a directory that exists a file system in memory, unless it is a mount already. It has room
 * for `sizeBytes`, or, without that or with 0, for half of the machine's memory.
 */
export async function mountMemory(
  directory: string,
  { sizeBytes = 0, owner }: {
    readonly sizeBytes?: number;
    readonly owner?: VolumeOwner;
  },
): Promise<void> {
  if ((await mountPoints(directory)).length > 0) return;
  const options = [
    "mode=0777",
    // tmpfs takes 0 for no limit at all.
    ...(sizeBytes > 0 ? [`size=${sizeBytes}`] : []),
    ...(owner === undefined ? [] : [`uid=${owner.uid}`, `gid=${owner.gid}`]),
  ];
  using linux = new LinuxCalls();
  linux.mountMemory(directory, options.join(","));
}

/** Unmounts all that is mounted at or below a directory. */
export async function unmountBelow(directory: string): Promise<void> {
  const points = await mountPoints(directory);
  if (points.length === 0) return;
  using linux = new LinuxCalls();
  // The innermost first.
  for (const point of points.toReversed()) linux.unmount(point);
}

async function mountPoints(directory: string): Promise<readonly string[]> {
  if (Deno.build.os !== "linux") return [];
  try {
    const root = await Deno.realPath(directory);
    const table = await Deno.readTextFile("/proc/self/mountinfo");
    return mountsBelow(root, table);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** The mount points at or below a directory, outer ones first, by a `/proc/PID/mountinfo`. */
export function mountsBelow(root: string, table: string): readonly string[] {
  return table.split("\n").flatMap((line) => {
    const point = line.split(" ")[4];
    if (point === undefined) return [];
    const path = point.replaceAll(
      /\\([0-7]{3})/g,
      (_, octal) => String.fromCharCode(parseInt(octal, 8)),
    );
    return path === root || path.startsWith(`${root}/`) ? [path] : [];
  });
}
