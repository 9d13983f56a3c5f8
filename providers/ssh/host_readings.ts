import type { FilesystemSample } from "../provider.ts";

/** A moment on a host, measured against the agent's clock. Positive: the host's is ahead. */
export interface ClockSkew {
  readonly ms: number;
  /** How far it may be off. */
  readonly uncertaintyMs: number;
}

/** When a script was started and when it had ended, by the agent's clock in milliseconds. */
export interface ScriptTimes {
  readonly sentAt: number;
  readonly receivedAt: number;
}

/** What a script printed, by the `=== NAME` above it; without the line breaks at the end. */
export function readings(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const part of text.split(/^=== /m).slice(1)) {
    const end = part.indexOf("\n");
    if (end > 0) found.set(part.slice(0, end), part.slice(end + 1).trimEnd());
  }
  return found;
}

/** The last line of `df -kP` as a sample; undefined where there is none. */
export function parseDf(
  blocks: string,
  inodes: string,
): FilesystemSample | undefined {
  const [capacity, used, available] = dfColumns(blocks);
  if (capacity === undefined || capacity === 0) return undefined;
  const [files = 0, , free = 0] = dfColumns(inodes);
  return {
    capacityBytes: capacity * 1024,
    usedBytes: (used ?? 0) * 1024,
    availableBytes: (available ?? 0) * 1024,
    // File systems that make them as needed have no number of inodes.
    ...(files > 0 ? { inodes: files, inodesFree: free } : {}),
  };
}

/** All, used and free of the last line; names of file systems may have spaces in them. */
function dfColumns(text: string): readonly number[] {
  const line = text.trimEnd().split("\n").at(-1) ?? "";
  const [, ...columns] =
    /\s(\d+)\s+(\d+)\s+(-?\d+)\s+(?:\d+%|-)\s+\//.exec(line) ??
      [];
  return columns.map(Number);
}

/** The bytes of a line of `/proc/meminfo`; undefined where there is none. */
export function meminfoBytes(
  meminfo: string,
  name: string,
): number | undefined {
  const kib = new RegExp(`^${name}: +(\\d+) kB$`, "m").exec(meminfo)?.[1];
  return kib === undefined ? undefined : Number(kib) * 1024;
}

/**
 * How far the host's clock is from the agent's; undefined for want of a date.
 *
 * @param date Of `date +%s.%N`, where some hosts know no `%N`.
 */
export function clockSkew(
  date: string,
  { sentAt, receivedAt }: ScriptTimes,
): ClockSkew | undefined {
  const [, seconds, fraction] = /^(\d+)(?:\.(\d{1,9}))?/.exec(date) ?? [];
  if (seconds === undefined) return undefined;
  // Half a second is the middle of what a whole one may mean.
  const within = fraction === undefined ? 0.5 : Number(`0.${fraction}`);
  const hostTime = (Number(seconds) + within) * 1000;
  return {
    ms: Math.round(hostTime - (sentAt + receivedAt) / 2),
    uncertaintyMs: Math.ceil(
      (receivedAt - sentAt) / 2 + (fraction === undefined ? 500 : 0),
    ),
  };
}
