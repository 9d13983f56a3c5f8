import { type FileStat, fileType } from "../file_stat.ts";
import type { TimesRequest } from "../file_times.ts";
import { toDatetime } from "./clock_interfaces.ts";

/** `path-flags` of `wasi:filesystem`; what is absent is false in all of these. */
export interface PathFlags {
  readonly symlinkFollow?: boolean;
}

/** `open-flags`. */
export interface OpenFlags {
  readonly create?: boolean;
  readonly directory?: boolean;
  readonly exclusive?: boolean;
  readonly truncate?: boolean;
}

/** `descriptor-flags`, as far as they do anything here. */
export interface DescriptorFlags {
  readonly read?: boolean;
  readonly write?: boolean;
  readonly mutateDirectory?: boolean;
}

/** `new-timestamp`. */
export type NewTimestamp =
  | { readonly tag: "no-change" }
  | { readonly tag: "now" }
  | {
    readonly tag: "timestamp";
    readonly val: { readonly seconds: bigint; readonly nanoseconds: number };
  };

/** The same request in the words of preview 1. */
export function timesRequest(
  accessed: NewTimestamp,
  modified: NewTimestamp,
): TimesRequest {
  return {
    accessed: nanosOf(accessed),
    modified: nanosOf(modified),
    flags: timeFlag[accessed.tag] | (timeFlag[modified.tag] << 2),
  };
}

/** A `descriptor-stat`. */
export function toDescriptorStat(stat: FileStat) {
  return {
    type: typeName(stat.type),
    linkCount: stat.links,
    size: stat.size,
    dataAccessTimestamp: toDatetime(stat.accessedNanos),
    dataModificationTimestamp: toDatetime(stat.modifiedNanos),
    statusChangeTimestamp: toDatetime(stat.changedNanos),
  };
}

/** A `metadata-hash-value`: the same for the same file, and for no other on this node. */
export function toHash({ inode, device }: FileStat) {
  return { lower: inode, upper: device };
}

/** The `descriptor-type` for a file type of preview 1. */
export function typeName(type: number): string {
  return typeNames[type] ?? "unknown";
}

function nanosOf(time: NewTimestamp): bigint {
  if (time.tag !== "timestamp") return 0n;
  const { seconds, nanoseconds } = time.val;
  return seconds * 1_000_000_000n + BigInt(nanoseconds);
}

const timeFlag = { "no-change": 0, "timestamp": 1, "now": 2 } as const;

const typeNames: Readonly<Record<number, string>> = {
  [fileType.blockDevice]: "block-device",
  [fileType.characterDevice]: "character-device",
  [fileType.directory]: "directory",
  [fileType.regularFile]: "regular-file",
  [fileType.symbolicLink]: "symbolic-link",
};
