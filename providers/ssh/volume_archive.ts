import { createHmac } from "node:crypto";
import type { VolumeFile, VolumeSpec } from "../container_spec.ts";
import type { HostLayout } from "./host_layout.ts";
import { tarBytes, type TarEntry } from "./tar.ts";

type FilesVolume = Extract<VolumeSpec, { kind: "files" }>;

/** A volume's files as they are sent to a host. */
export interface VolumeArchive {
  readonly bytes: Uint8Array;
  /** Equal for equal files, owners and modes; says nothing about their content. */
  readonly digest: string;
  /** In octal digits: that of the volume's directory, and those of the directories in it. */
  readonly mode: string;
  readonly directoryMode: string;
  /** The group that owns all; empty where there is none, or the user may not say so. */
  readonly group: string;
}

/** The file that ends an archive: one that lacks it was cut off. */
const completion: TarEntry = {
  kind: "file",
  path: "..complete",
  mode: 0o600,
  content: new Uint8Array(),
};

/** An archive of files that are all there or not at all: scripts look for its end. */
export function completeArchive(
  entries: readonly TarEntry[],
): Uint8Array<ArrayBuffer> {
  return tarBytes([...entries, completion]);
}

/**
 * The archive of a volume, with the owners and modes that the kubelet gives: what a pod's `fsGroup`
 * owns can be read by it. Where the user may not give files away, everyone may read what a group
 * or another user was to: only the pod's containers get that far.
 *
 * Throws a `RangeError` for a path that is not below the volume.
 */
export function volumeArchive(
  { files, fsGroup }: FilesVolume,
  { user, key }: Pick<HostLayout, "user" | "key">,
): VolumeArchive {
  for (const { path } of files) checkPath(path);
  const isRoot = user === 0;
  const group = isRoot ? fsGroup : undefined;
  const owner = group === undefined ? {} : { gid: group };
  const grouped = group === undefined ? 0 : 0o2000;
  const directoryMode = 0o755 | grouped;
  const bytes = completeArchive([
    ...directoriesOf(files).map((path): TarEntry => ({
      kind: "directory",
      path,
      mode: directoryMode,
      ...owner,
    })),
    ...files.map((file): TarEntry => ({
      kind: "file",
      path: file.path,
      content: file.content,
      mode: fileMode(file, { isRoot, fsGroup }),
      ...(isRoot && file.uid !== undefined ? { uid: file.uid } : {}),
      ...owner,
    })),
  ]);
  return {
    bytes,
    digest: createHmac("sha256", key).update(bytes).digest("hex"),
    mode: octal(0o777 | grouped),
    directoryMode: octal(directoryMode),
    group: group === undefined ? "" : String(group),
  };
}

function fileMode(
  { mode, uid }: VolumeFile,
  { isRoot, fsGroup }: {
    readonly isRoot: boolean;
    readonly fsGroup: number | undefined;
  },
): number {
  const grouped = fsGroup === undefined ? mode : mode | 0o440;
  if (isRoot) return grouped;
  const forGroup = fsGroup === undefined ? 0 : grouped >> 3 & 0o7;
  const forUser = uid === undefined ? 0 : grouped >> 6 & 0o7;
  return grouped | forGroup | forUser;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

/** Every directory that a file is in, outer ones first. */
function directoriesOf(files: readonly VolumeFile[]): readonly string[] {
  const found = new Set<string>();
  for (const { path } of files) {
    const parts = path.split("/").slice(0, -1);
    parts.forEach((_, i) => found.add(parts.slice(0, i + 1).join("/")));
  }
  return [...found];
}

/** The rules of the kubelet's AtomicWriter; names that start with `..` are its own. */
function checkPath(path: string): void {
  const parts = path.split("/");
  if (!parts.some((part) => part === "" || part === "." || part === "..")) {
    if (!path.startsWith("..") && !path.includes("\0")) return;
  }
  throw new RangeError(
    `Cannot write volume file "${path}": the path must be relative, without ".." and without empty parts`,
  );
}
