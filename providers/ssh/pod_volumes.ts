import { createHash } from "node:crypto";
import type { AbortOptions } from "../../async/abort.ts";
import { RuntimeError } from "../errors.ts";
import type { VolumeMount } from "../container_spec.ts";
import type { Bind } from "./container_body.ts";
import type { Host } from "./host.ts";
import type { HostLayout, LayoutReader } from "./host_layout.ts";
import { runScript, ScriptError } from "./host_script.ts";
import {
  type HostVolume,
  type PlacedVolume,
  placeVolume,
  type PodPlace,
  readVolumes,
} from "./placed_volume.ts";
import { listVolumesScript } from "./pod_scripts.ts";
import { readVolumeFileScript } from "./volume_scripts.ts";
import { subPathScript } from "./sub_path_script.ts";
import { volumeMaking } from "./volume_making.ts";

/** What {@linkcode PodVolumes} is made of. */
export interface PodVolumesOptions {
  readonly host: Host;
  readonly layout: LayoutReader;
}

interface Step extends AbortOptions {
  readonly pod: PodPlace;
  readonly layout: HostLayout;
}

interface VolumeInUse {
  readonly mount: VolumeMount;
  readonly volume: PlacedVolume;
}

/** How long a volume is taken to be as it was made, in milliseconds. */
const trustedFor = 300_000;

/** As much as a file of a volume may have, with the sign that comes before it. */
const maxFileBytes = 1024 * 1024 + 1;

/** The volumes of the pods of one node on its host. */
export class PodVolumes {
  readonly #host: Host;
  readonly #layout: LayoutReader;
  /** By pod and name. */
  readonly #placed = new Map<string, Map<string, PlacedVolume>>();
  /** By pod and name: what was made of it, and over which connection. */
  readonly #done = new Map<string, {
    readonly digest: string;
    readonly layout: HostLayout;
    readonly at: number;
  }>();

  constructor({ host, layout }: PodVolumesOptions) {
    this.#host = host;
    this.#layout = layout;
  }

  /** As `PodFiles.setVolume()`. */
  async set(
    pod: PodPlace,
    volume: HostVolume,
    { signal }: AbortOptions,
  ): Promise<void> {
    const layout = await this.#layout.read({ signal });
    const placed = placeVolume(volume, pod);
    if (
      volume.kind === "emptyDir" && volume.medium === "Memory" &&
      !layout.mounts
    ) {
      throw new RuntimeError(
        "ContainerCreating",
        `cannot make volume "${volume.name}" in memory: farlet may not mount anything on ${this.#host.name}`,
      );
    }
    const { digest, ...making } = volumeMaking(volume, pod, layout);
    if (this.#isDone(placed, digest, layout)) return;
    try {
      const action = `make volume "${volume.name}"`;
      await runScript(this.#host, making.script, { ...making, action, signal });
    } catch (error) {
      if (!(error instanceof ScriptError)) throw error;
      throw new RuntimeError(
        "ContainerCreating",
        volumeFailure(volume, error),
        { cause: error },
      );
    }
    this.#remember([placed]);
    this.#done.set(keyOf(placed), { digest, layout, at: Date.now() });
  }

  /** As `PodFiles.binds()`. */
  async binds(
    pod: PodPlace,
    mounts: readonly VolumeMount[],
    { signal }: AbortOptions,
  ): Promise<readonly Bind[]> {
    const layout = await this.#layout.read({ signal });
    const names = mounts.map(({ volume }) => volume);
    const volumes = await this.#volumesOf(pod, names, { signal });
    const found = mounts.map((mount): VolumeInUse => {
      const volume = volumes.get(mount.volume);
      if (volume !== undefined) return { mount, volume };
      throw configError(`cannot find volume "${mount.volume}" on the host`);
    });
    const paths = found.filter(({ mount }) => (mount.subPath ?? "") !== "");
    const resolved = await this.#resolve(paths, { pod, layout, signal });
    return found.map((each): Bind => ({
      source: resolved.get(each) ?? each.volume.path,
      target: each.mount.mountPath,
      readOnly: each.mount.readOnly || each.volume.kind === "files" ||
        each.volume.kind === "image",
      propagation: each.mount.propagation ?? "None",
      ...(each.volume.kind === "image" ? { noExec: true } : {}),
    }));
  }

  /** As `PodFiles.readVolumeFile()`. */
  async readFile(
    pod: PodPlace,
    { volume, path }: { readonly volume: string; readonly path: string },
    { signal }: AbortOptions,
  ): Promise<string | undefined> {
    const volumes = await this.#volumesOf(pod, [volume], { signal });
    const placed = volumes.get(volume);
    if (placed === undefined) return undefined;
    const printed = await runScript(this.#host, readVolumeFileScript, {
      action: `read a file of volume "${volume}"`,
      args: [placed.path, relativePath(path)],
      maxOutputBytes: maxFileBytes,
      signal,
    });
    return printed.startsWith("+") ? printed.slice(1) : undefined;
  }

  /** Every volume that was placed on the host since it was started, or asked for. */
  known(): readonly PlacedVolume[] {
    return [...this.#placed.values()].flatMap((pod) => [...pod.values()]);
  }

  /** Forgets a pod, whose files are going to be removed. */
  forget({ uid }: PodPlace): void {
    this.#placed.delete(uid);
    for (const key of this.#done.keys()) {
      if (key.startsWith(`${uid}/`)) this.#done.delete(key);
    }
  }

  #isDone(volume: PlacedVolume, digest: string, layout: HostLayout): boolean {
    const done = this.#done.get(keyOf(volume));
    return done?.digest === digest && done.layout === layout &&
      Date.now() - done.at < trustedFor;
  }

  /** The sources of mounts of paths in volumes, all by one script. */
  async #resolve(
    mounts: readonly VolumeInUse[],
    { pod, layout, signal }: Step,
  ): Promise<ReadonlyMap<VolumeInUse, string>> {
    if (mounts.length === 0) return new Map();
    const places = mounts.flatMap(({ mount, volume }) => {
      const path = relativePath(mount.subPath ?? "");
      return [placeName(volume, path), volume.path, path];
    });
    try {
      const printed = await runScript(this.#host, subPathScript, {
        action: `prepare the sub-paths of pod "${pod.uid}"`,
        args: [pod.directory, layout.mounts ? "mount" : "direct", ...places],
        signal,
      });
      const sources = printed.split("\n");
      return new Map(mounts.map((mount, i) => [mount, sources[i] ?? ""]));
    } catch (error) {
      if (!(error instanceof ScriptError)) throw error;
      throw subPathFailure(mounts, error);
    }
  }

  /** The pod's volumes, from the host if the last agent made one of those that are asked for. */
  async #volumesOf(
    pod: PodPlace,
    names: readonly string[],
    { signal }: AbortOptions,
  ): Promise<ReadonlyMap<string, PlacedVolume>> {
    const known = this.#placed.get(pod.uid) ?? new Map();
    if (names.every((name) => known.has(name))) return known;
    const text = await runScript(this.#host, listVolumesScript, {
      action: `find the volumes of pod "${pod.uid}"`,
      args: [pod.directory],
      signal,
    });
    this.#remember(readVolumes(text, pod));
    return this.#placed.get(pod.uid) ?? known;
  }

  #remember(volumes: readonly PlacedVolume[]): void {
    for (const volume of volumes) {
      const pod = this.#placed.get(volume.podUid) ?? new Map();
      this.#placed.set(volume.podUid, pod.set(volume.volume, volume));
    }
  }
}

function keyOf({ podUid, volume }: PlacedVolume): string {
  return `${podUid}/${volume}`;
}

/** Without empty parts; the pods engine has checked it already. */
function relativePath(subPath: string): string {
  const parts = subPath.split("/");
  if (parts.includes("..") || /[\0\n]/.test(subPath)) {
    throw configError(`unable to provision SubPath \`${subPath}\``);
  }
  return parts.filter((part) => part !== "" && part !== ".").join("/");
}

/** The same for all containers of a pod: they see the same thing. */
function placeName({ volume }: PlacedVolume, path: string): string {
  return createHash("sha256").update(`${volume}/${path}`).digest("hex")
    .slice(0, 16);
}

/** In the kubelet's words where it has any. */
function volumeFailure(volume: HostVolume, error: ScriptError): string {
  return volume.kind === "hostPath" && error.complaint !== undefined
    ? error.complaint
    : error.message;
}

/**
 * As the kubelet's, which says nothing of what else there is on the host. For images, the words of
 * runtimes.
 */
function subPathFailure(
  mounts: readonly VolumeInUse[],
  error: ScriptError,
): RuntimeError {
  const { complaint = "" } = error;
  const [, number = "", why = ""] = /^(\d+) (.*)$/.exec(complaint) ?? [];
  const refused = mounts[Number(number) - 1];
  const names = (refused === undefined ? mounts : [refused])
    .map(({ mount }) => `"${mount.volume}"`);
  if (refused?.volume.kind === "image") {
    const { volume, subPath = "" } = refused.mount;
    return new RuntimeError(
      "CreateContainerError",
      `ImageVolumeMountFailed: cannot mount path "${subPath}" of the image of volume "${volume}": ${
        why === "it cannot be made" ? "it does not exist" : why
      }`,
      { cause: error },
    );
  }
  return configError(
    `failed to prepare subPath for volumeMount ${names.join(", ")}${
      why === "" ? "" : `: ${why}`
    }`,
    error,
  );
}

function configError(message: string, cause?: unknown): RuntimeError {
  return new RuntimeError("CreateContainerConfigError", message, { cause });
}
