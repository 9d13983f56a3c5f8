import { basename, join, posix, sep } from "node:path";
import { RuntimeError } from "../errors.ts";
import type { ContainerSpec, VolumeMount } from "../runtime.ts";
import type { Preopen } from "./guest_spec.ts";
import type { PodRecord, StateRecords } from "./records.ts";

/** The directories that one run of a container sees. */
export interface GuestMounts {
  readonly preopens: readonly Preopen[];
  /** Where on this machine its termination message will be. */
  readonly terminationFile: string;
}

/** What a volume mount leads to on this machine. */
interface Target {
  readonly guestPath: string;
  readonly hostPath: string;
  readonly readOnly: boolean;
  readonly isFile: boolean;
}

/**
 * Prepares what the container mounts, in the directory of its run.
 *
 * WASI knows only directories. A file that is mounted (by `subPath` or a hostPath) is linked into
 * a directory of the run, which the guest sees in the place of the file's directory.
 */
export async function prepareMounts(
  records: StateRecords,
  pod: PodRecord,
  spec: ContainerSpec,
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
  }
  const message = posix.resolve("/", spec.terminationMessagePath);
  const messageDir = posix.dirname(message);
  let place = preopens.find(({ guestPath }) => guestPath === messageDir);
  if (place === undefined) {
    const hostPath = join(runDir, "termination");
    await Deno.mkdir(hostPath, { mode: 0o700 });
    place = { guestPath: messageDir, hostPath, readOnly: false };
    preopens.push(place);
  }
  const terminationFile = join(place.hostPath, posix.basename(message));
  if (!place.readOnly) await makeEmpty(terminationFile);
  return { preopens, terminationFile };
}

function toPreopen({ guestPath, hostPath, readOnly }: Target): Preopen {
  return { guestPath, hostPath, readOnly };
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
  const hostPath = mount.subPath === undefined || mount.subPath === ""
    ? root
    : await findSubPath(root, mount, { mayCreate: volume.kind !== "files" });
  const { isFile, isDirectory } = await look(mount, hostPath);
  if (!isFile && !isDirectory) {
    throw failure(mount, "it is neither a directory nor a regular file");
  }
  const guestPath = posix.resolve("/", mount.mountPath);
  return { guestPath, hostPath, readOnly, isFile };
}

/** Follows a subPath, made as needed, without leaving the volume by `..` or by a link. */
async function findSubPath(
  volumeRoot: string,
  mount: VolumeMount,
  { mayCreate }: { readonly mayCreate: boolean },
): Promise<string> {
  const subPath = mount.subPath ?? "";
  const parts = subPath.split("/").filter((part) => part !== "");
  if (subPath.startsWith("/") || parts.includes("..")) {
    throw failure(
      mount,
      `its subPath "${subPath}" must be relative, without ".."`,
    );
  }
  const root = await Deno.realPath(volumeRoot);
  let place = root;
  for (const part of parts) {
    const next = join(place, part);
    if (mayCreate) await makeDirectory(next);
    place = await realPath(mount, next);
    if (place === root || place.startsWith(root + sep)) continue;
    throw failure(mount, `its subPath "${subPath}" leads out of the volume`);
  }
  return place;
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { mode: 0o755 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
}

async function realPath(mount: VolumeMount, path: string): Promise<string> {
  try {
    return await Deno.realPath(path);
  } catch (error) {
    throw failure(mount, `its subPath "${mount.subPath}" is missing`, error);
  }
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
  const target = await Deno.realPath(file.hostPath);
  try {
    await Deno.link(target, path);
  } catch (error) {
    // On another file system, or of another owner. A reader does as well with a copy.
    if (file.readOnly) return await Deno.copyFile(target, path);
    throw new RuntimeError(
      "CreateContainerConfigError",
      `Cannot mount file "${file.hostPath}" at "${file.guestPath}": it cannot be linked into the state directory`,
      { cause: error },
    );
  }
}

/** Makes the file for the termination message, as the kubelet does. */
async function makeEmpty(path: string): Promise<void> {
  try {
    const file = await Deno.open(path, {
      write: true,
      createNew: true,
      mode: 0o666,
    });
    file.close();
  } catch {
    // It is there already, or nobody can write there: then there will be no message.
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
