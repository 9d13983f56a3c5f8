import fs from "node:fs";
import { type ConfinedPath, resolveConfined } from "./confined_path.ts";
import { errno, fail } from "./errno.ts";
import {
  type FileStat,
  fileType,
  setPathTimes,
  statPath,
} from "./file_stat.ts";
import { timesToSet } from "./file_times.ts";
import type { GuestDirectory } from "./guest_directories.ts";

/** A path below an open directory, as a guest gives it. */
export interface GuestPath {
  readonly directory: GuestDirectory;
  readonly path: string;
  /** Whether to follow a link in the last part; false unless given. */
  readonly follow?: boolean;
}

/** Makes a directory. All of these fail with a `WasiError` or what the system throws. */
export function makeDirectory(at: GuestPath): void {
  using place = findWritable(withoutSlashes(at));
  if (place.isDot) fail(errno.exist);
  Deno.mkdirSync(place.path);
}

/** Removes an empty directory. */
export function removeDirectory(at: GuestPath): void {
  using place = findWritable(withoutSlashes(at));
  if (place.isDot || /(^|\/)\.\/*$/.test(at.path)) fail(errno.inval);
  fs.rmdirSync(place.path);
}

/** Removes a file or a link. */
export function unlinkFile(at: GuestPath): void {
  using place = findWritable(at);
  if (statPath(place.path).type === fileType.directory) fail(errno.isdir);
  if (place.mustBeDirectory) fail(errno.notdir);
  fs.unlinkSync(place.path);
}

/** Gives a file or directory another name. */
export function rename(from: GuestPath, to: GuestPath): void {
  using source = findWritable(withoutSlashes(from));
  using target = findWritable(withoutSlashes(to));
  if (source.isDot || target.isDot) fail(errno.busy);
  const directory = [from, to].some(({ path }) => path.endsWith("/"));
  if (directory) checkDirectory(source);
  Deno.renameSync(source.path, target.path);
}

/** Gives a file a second name. */
export function link(from: GuestPath, to: GuestPath): void {
  if (from.follow) fail(errno.inval);
  // Through the new name the guest could write to what is read-only under the old one.
  if (from.directory.readOnly) fail(errno.xdev);
  using source = find(from);
  using target = findWritable(to);
  if (source.mustBeDirectory) checkDirectory(source);
  checkNewName(target);
  Deno.linkSync(source.path, target.path);
}

/** Makes a link with a relative target. */
export function symlink(target: string, at: GuestPath): void {
  if (target.startsWith("/")) fail(errno.perm);
  using place = findWritable(at);
  checkNewName(place);
  Deno.symlinkSync(target, place.path);
}

/** The target of a link, unless it is absolute. */
export function readLink(at: GuestPath): string {
  using place = find(at);
  const target = Deno.readLinkSync(place.path);
  return target.startsWith("/") ? fail(errno.perm) : target;
}

/** Facts of a file, or of a link that is not followed. */
export function statAt(at: GuestPath): FileStat {
  using place = find(at);
  const stat = statPath(place.path);
  const wrong = place.mustBeDirectory && stat.type !== fileType.directory;
  return wrong ? fail(errno.notdir) : stat;
}

/** Sets times as `path_filestat_set_times` does; see `TimesRequest`. */
export function setTimesAt(
  at: GuestPath,
  request: Parameters<typeof timesToSet>[0],
): void {
  using place = findWritable(at);
  setPathTimes(place.path, ...timesToSet(request, statPath(place.path)));
}

/** Finds a place without leaving the directory. */
export function find(
  { directory: { files, handle }, path, follow = false }: GuestPath,
): ConfinedPath {
  return resolveConfined(files, handle, { path, follow });
}

/** Fails with `EROFS` below a directory that is read-only. */
function findWritable(at: GuestPath): ConfinedPath {
  return at.directory.readOnly ? fail(errno.rofs) : find(at);
}

/** A name that ends in a slash can only be of a directory that is there already. */
function checkNewName({ path, mustBeDirectory }: ConfinedPath): void {
  if (!mustBeDirectory) return;
  statPath(path);
  fail(errno.exist);
}

function checkDirectory({ path }: ConfinedPath): void {
  if (statPath(path).type !== fileType.directory) fail(errno.notdir);
}

/** The same path, of what is in the last place itself and not of where that leads. */
export function withoutSlashes(at: GuestPath): GuestPath {
  return { ...at, path: at.path.replace(/(?<=[^/])\/+$/, "") };
}
