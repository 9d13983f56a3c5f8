import { errno, fail } from "./errno.ts";
import type { FileStat } from "./file_stat.ts";

/** What `fd_filestat_set_times` and `path_filestat_set_times` ask for. */
export interface TimesRequest {
  /** Nanoseconds since 1970, where the flags choose them. */
  readonly accessed: bigint;
  readonly modified: bigint;
  /** WASI's `fstflags`: 1 and 4 set the times given, 2 and 8 the present. */
  readonly flags: number;
}

/** The times of access and change to set, in seconds; what is not asked for stays as it is. */
export function timesToSet(
  { accessed, modified, flags }: TimesRequest,
  current: FileStat,
): readonly [number, number] {
  if ((flags & 3) === 3 || (flags & 12) === 12) fail(errno.inval);
  const choose = (given: boolean, now: boolean, time: bigint, old: bigint) =>
    now ? Date.now() / 1000 : Number(given ? time : old) / 1e9;
  return [
    choose((flags & 1) > 0, (flags & 2) > 0, accessed, current.accessedNanos),
    choose((flags & 4) > 0, (flags & 8) > 0, modified, current.modifiedNanos),
  ];
}
