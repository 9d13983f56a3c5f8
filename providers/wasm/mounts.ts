import { lchown } from "node:fs/promises";
import { basename, join, posix } from "node:path";
import { RuntimeError } from "../errors.ts";
import type { ContainerSpec, VolumeMount } from "../container_spec.ts";
import { errno, errnoOf } from "./errno.ts";
import type { GuestUserIds, Preopen } from "./guest_spec.ts";
import { OpenDirectory } from "./open_directory.ts";
import type { PodRecord, StateRecords } from "./records.ts";

/** The directories that one run of a container sees. */
export interface GuestMounts {
  readonly preopens: readonly Preopen[];
  /** Where on this machine its termination message will be; undefined if none can be read. */
  readonly terminationFile?: string;
}

/** Where a run can write besides its volumes, if it can: to its termination message. */
export function terminationDir(runDir: string): string {
  return join(runDir, "termination");
}

/** What a volume mount leads to on this machine. */
interface Target {
  readonly guestPath: string;
  /** The volume. */
  readonly hostPath: string;
  /** What of it is mounted; found anew, without leaving the volume, when it is opened. */
  readonly subPath?: string;
  readonly readOnly: boolean;
  readonly isFile: boolean;
}

/**
 * Prepares what the container mounts, in the directory of its run.
 *
 * WASI knows only directories. A file that is mounted (by `subPath` or a hostPath) is linked into
 * a directory of the run, which the guest sees in the place of the file's directory.
 *
 * @param user Whose directories those are that are made here; the agent's unless given.
 */
export async function prepareMounts(
  records: StateRecords,
  pod: PodRecord,
  spec: ContainerSpec,
  user?: GuestUserIds,
): Promise<GuestMounts> {
  const runDir = records.runDir(pod.uid, spec.name, spec.attempt);
  const targets: Target[] = [];
  for (const mount of spec.mounts) {
    targets.push(await findTarget(records, pod, mount));
  }
  const directories = targets.filter(({ isFile }) => !isFile);
  const files = Map.groupBy(
    targets.filter(({ isFile }) => isFile),
    ({ guestPath }) => posix.dirname(guestPath),
  );
  const preopens: Preopen[] = directories.map(toPreopen);
  for (const [guestPath, group] of files) {
    preopens.push(await linkFiles(runDir, guestPath, group, preopens));
    await giveTo(user, preopens.at(-1)?.hostPath);
  }
  const message = posix.resolve("/", spec.terminationMessagePath);
  const messageDir = posix.dirname(message);
  let place = preopens.find(({ guestPath }) => guestPath === messageDir);
  // A guest could put a link on the way to a file in a part of a volume: nothing is read there.
  if (place?.subPath !== undefined) return { preopens };
  if (place === undefined) {
    const hostPath = terminationDir(runDir);
    await Deno.mkdir(hostPath, { mode: 0o700 });
    await giveTo(user, hostPath);
    place = { guestPath: messageDir, hostPath, readOnly: false };
    preopens.push(place);
  }
  const terminationFile = join(place.hostPath, posix.basename(message));
  if (!place.readOnly && await makeEmpty(terminationFile)) {
    await giveTo(user, terminationFile);
  }
  return { preopens, terminationFile };
}

function toPreopen({ isFile: _, ...preopen }: Target): Preopen {
  return preopen;
}

async function findTarget(
  records: StateRecords,
  pod: PodRecord,
  mount: VolumeMount,
): Promise<Target> {
  const volume = pod.volumes[mount.volume];
  if (volume === undefined) {
    throw failure(mount, "the pod has no such volume");
  }
  const root = volume.hostPath ?? records.volumeDir(pod.uid, mount.volume);
  const readOnly = mount.readOnly || volume.kind === "files";
  const guestPath = posix.resolve("/", mount.mountPath);
  const subPath = subPathOf(mount);
  const place = { guestPath, hostPath: root, readOnly };
  if (subPath === undefined) {
    return { ...place, isFile: isFile(mount, await look(mount, root)) };
  }
  using volumeRoot = OpenDirectory.open(await Deno.realPath(root));
  const found = onSubPath(mount, () => {
    if (volume.kind !== "files") makeDirectories(volumeRoot, subPath);
    return volumeRoot.look(subPath);
  });
  return { ...place, subPath, isFile: isFile(mount, found) };
}

function subPathOf(mount: VolumeMount): string | undefined {
  const { subPath = "" } = mount;
  const parts = subPath.split("/").filter((part) => part !== "");
  if (parts.length === 0) return undefined;
  if (!subPath.startsWith("/") && !parts.includes("..")) return parts.join("/");
  throw failure(
    mount,
    `its subPath "${subPath}" must be relative, without ".."`,
  );
}

/** Makes the directories of a subPath that are missing, as the kubelet does. */
function makeDirectories(root: OpenDirectory, subPath: string): void {
  const parts = subPath.split("/");
  for (const [index] of parts.entries()) {
    root.makeDirectory(parts.slice(0, index + 1).join("/"));
  }
}

function onSubPath<T>(mount: VolumeMount, use: () => T): T {
  try {
    return use();
  } catch (error) {
    const code = errnoOf(error);
    const problem = code === errno.perm || code === errno.loop
      ? "leads out of the volume"
      : code === errno.noent || code === errno.notdir
      ? "is missing"
      : "cannot be read";
    throw failure(mount, `its subPath "${mount.subPath}" ${problem}`, error);
  }
}

function isFile(
  mount: VolumeMount,
  { isFile, isDirectory }: Deno.FileInfo,
): boolean {
  if (isFile || isDirectory) return isFile;
  throw failure(mount, "it is neither a directory nor a regular file");
}

async function look(
  mount: VolumeMount,
  path: string,
): Promise<Deno.FileInfo> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    throw failure(mount, `"${path}" cannot be read`, error);
  }
}

async function linkFiles(
  runDir: string,
  guestPath: string,
  files: readonly Target[],
  others: readonly Preopen[],
): Promise<Preopen> {
  const [first] = files;
  if (others.some((other) => other.guestPath === guestPath)) {
    throw new RuntimeError(
      "CreateContainerConfigError",
      `Cannot mount a file at "${first?.guestPath}": another volume is mounted at "${guestPath}", and WASI knows only directories`,
    );
  }
  const readOnly = files.every((file) => file.readOnly);
  if (!readOnly && files.some((file) => file.readOnly)) {
    throw new RuntimeError(
      "CreateContainerConfigError",
      `Cannot mount files in "${guestPath}": some are read-only and some are not, and WASI knows only directories`,
    );
  }
  const index = others.length;
  const hostPath = join(runDir, "files", `${index}`);
  await Deno.mkdir(hostPath, { recursive: true, mode: 0o700 });
  for (const file of files) {
    await linkFile(file, join(hostPath, basename(file.guestPath)));
  }
  return { guestPath, hostPath, readOnly };
}

async function linkFile(file: Target, path: string): Promise<void> {
  try {
    if (file.subPath === undefined) {
      return await Deno.link(await Deno.realPath(file.hostPath), path);
    }
    using root = OpenDirectory.open(await Deno.realPath(file.hostPath));
    root.link(file.subPath, path);
  } catch (error) {
    throw new RuntimeError(
      "CreateContainerConfigError",
      `Cannot mount file "${
        file.subPath ?? file.hostPath
      }" at "${file.guestPath}": it cannot be linked into the state directory`,
      { cause: error },
    );
  }
}

/** Links are not followed: another guest may have put one there. */
async function giveTo(
  user: GuestUserIds | undefined,
  path: string | undefined,
): Promise<void> {
  if (user === undefined || path === undefined) return;
  await lchown(path, user.uid, user.gid);
}

/** Makes the file for the termination message, as the kubelet does; false where it did not. */
async function makeEmpty(path: string): Promise<boolean> {
  try {
    const file = await Deno.open(path, {
      write: true,
      createNew: true,
      mode: 0o666,
    });
    file.close();
    return true;
  } catch {
    // It is there already, or nobody can write there: then there will be no message.
    return false;
  }
}

function failure(
  { volume, mountPath }: VolumeMount,
  problem: string,
  cause?: unknown,
): RuntimeError {
  return new RuntimeError(
    "CreateContainerConfigError",
    `Cannot mount volume "${volume}" at "${mountPath}": ${problem}`,
    { cause },
  );
}
