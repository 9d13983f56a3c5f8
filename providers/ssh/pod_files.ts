import { createHash } from "node:crypto";
import type { AbortOptions } from "../../async/abort.ts";
import type { VolumeMount, VolumeSpec } from "../container_spec.ts";
import type { VolumeFileRef } from "../runtime.ts";
import type { Bind } from "./container_body.ts";
import type { Host } from "./host.ts";
import {
  type HostLayout,
  type LayoutOptions,
  LayoutReader,
} from "./host_layout.ts";
import { runScript, type ScriptOptions } from "./host_script.ts";
import type { PlacedVolume, PodPlace } from "./placed_volume.ts";
import {
  listPodsScript,
  readEndScript,
  removeAllScript,
  removePodScript,
  runDirectoryScript,
  terminationLogScript,
  writeSandboxScript,
} from "./pod_scripts.ts";
import { PodVolumes } from "./pod_volumes.ts";
import { completeArchive } from "./volume_archive.ts";

/** The files that all containers of a pod share: their content, or where they are. */
export interface SandboxFiles {
  /** `/etc/hosts` in the pod. */
  readonly hosts: string;
  /** `/etc/resolv.conf` in the pod. */
  readonly resolvConf: string;
}

/** As much of a termination message as the kubelet keeps. */
const longestMessageBytes = 4096;

/** Deleting what a pod has written may take its time, in milliseconds. */
const removalTimeout = 600_000;

/**
 * The files of the pods of one node on its host, all below one directory that only farlet's user
 * may enter. Every step is one script, safe to repeat, and done completely or not at all.
 */
export class PodFiles {
  readonly #host: Host;
  readonly #layout: LayoutReader;
  readonly #volumes: PodVolumes;

  constructor(host: Host, options: LayoutOptions) {
    this.#host = host;
    this.#layout = new LayoutReader(host, options);
    this.#volumes = new PodVolumes({ host, layout: this.#layout });
  }

  /** What the host is like, with its own network files; read once per connection. */
  layout(options: AbortOptions): Promise<HostLayout> {
    return this.#layout.read(options);
  }

  /**
   * Makes a volume, or brings its files up to date. A `RuntimeError` says why it cannot be had.
   * As with the kubelet, an empty directory that is there is not changed.
   */
  async setVolume(
    uid: string,
    volume: VolumeSpec,
    { signal }: AbortOptions,
  ): Promise<void> {
    const pod = await this.#pod(uid, { signal });
    await this.#volumes.set(pod, volume, { signal });
  }

  /** Makes what an engine has of an image a volume of the pod, which nobody can write to. */
  async setImageVolume(
    uid: string,
    { name, source }: { readonly name: string; readonly source: string },
    { signal }: AbortOptions,
  ): Promise<void> {
    const pod = await this.#pod(uid, { signal });
    const volume = { kind: "image", name, source } as const;
    await this.#volumes.set(pod, volume, { signal });
  }

  /**
   * What the engine has to bind for a container to see its volumes, in the order of the mounts. A
   * sub-path is resolved on the host and cannot leave its volume; a missing one becomes a directory.
   */
  async binds(
    uid: string,
    mounts: readonly VolumeMount[],
    { signal }: AbortOptions,
  ): Promise<readonly Bind[]> {
    const pod = await this.#pod(uid, { signal });
    return await this.#volumes.binds(pod, mounts, { signal });
  }

  /**
   * A text of at most 1 MiB that containers have left in a volume; undefined where there is none.
   * Links are followed as long as they stay in the volume.
   */
  async readVolumeFile(
    { podUid, ...file }: VolumeFileRef,
    { signal }: AbortOptions,
  ): Promise<string | undefined> {
    const pod = await this.#pod(podUid, { signal });
    return await this.#volumes.readFile(pod, file, { signal });
  }

  /** The volumes of all pods that this agent has placed or bound. */
  placedVolumes(): readonly PlacedVolume[] {
    return this.#volumes.known();
  }

  /** Where the files are on the host that {@linkcode writeSandbox} writes. */
  async sandboxFiles(
    uid: string,
    options: AbortOptions,
  ): Promise<SandboxFiles> {
    const { directory } = await this.#pod(uid, options);
    return sandboxFiles(directory);
  }

  /**
   * Writes the files that all containers of a pod share, and resolves where they are. Containers
   * that run see the new content.
   */
  async writeSandbox(
    uid: string,
    { hosts, resolvConf }: SandboxFiles,
    { signal }: AbortOptions,
  ): Promise<SandboxFiles> {
    const { directory } = await this.#pod(uid, { signal });
    const encoder = new TextEncoder();
    const file = { kind: "file", mode: 0o644 } as const;
    await this.#run(writeSandboxScript, {
      action: `write the network files of pod "${uid}"`,
      args: [directory],
      stdin: completeArchive([
        { ...file, path: "hosts", content: encoder.encode(hosts) },
        { ...file, path: "resolv.conf", content: encoder.encode(resolvConf) },
      ]),
      signal,
    });
    return sandboxFiles(directory);
  }

  /**
   * Makes the file that one run of a container may leave its last words in, empty and open to
   * every user, and resolves where it is. One that is there is kept.
   */
  async terminationLog(
    uid: string,
    container: string,
    attempt: number,
    { signal }: AbortOptions,
  ): Promise<string> {
    const { directory } = await this.#pod(uid, { signal });
    const file = terminationFile(container, attempt);
    await this.#run(terminationLogScript, {
      action: `make the termination log of container "${container}"`,
      args: [directory, file],
      signal,
    });
    return `${directory}/${file}`;
  }

  /** The end of what that run wrote there, at most 4096 bytes; undefined when that is nothing. */
  async readTerminationMessage(
    uid: string,
    container: string,
    attempt: number,
    { signal }: AbortOptions,
  ): Promise<string | undefined> {
    const { directory } = await this.#pod(uid, { signal });
    const message = await this.#run(readEndScript, {
      action: `read the termination log of container "${container}"`,
      args: [
        `${directory}/${terminationFile(container, attempt)}`,
        String(longestMessageBytes),
      ],
      signal,
    });
    return message === "" ? undefined : message;
  }

  /** Removes all that a pod left; what its hostPath volumes name stays. Nothing if there is none. */
  async removePod(uid: string, options: AbortOptions): Promise<void> {
    await this.#remove(uid, "pod", options);
  }

  /** Removes the volumes of a pod of which nothing runs any more; logs and last words are kept. */
  async removeVolumes(uid: string, options: AbortOptions): Promise<void> {
    await this.#remove(uid, "volumes", options);
  }

  /** The UIDs of all pods that have files on the host. */
  async listPods({ signal }: AbortOptions): Promise<readonly string[]> {
    const { directory } = await this.#layout.read({ signal });
    const text = await this.#run(listPodsScript, {
      action: "list the pods that have files",
      args: [`${directory}/pods`],
      signal,
    });
    return text.split("\n").filter((name) => name !== "");
  }

  /** Removes all that farlet keeps for the node on the host, once no pod has files there. */
  async removeAll({ signal }: AbortOptions): Promise<void> {
    for (const uid of await this.listPods({ signal })) {
      await this.removePod(uid, { signal });
    }
    const { directory } = await this.#layout.read({ signal });
    await this.#run(removeAllScript, {
      action: "remove farlet's directory",
      args: [directory, await this.runDir({ signal })],
      signal,
    });
    this.#layout.forget();
  }

  /**
   * A directory for sockets, made if it is missing: it goes when the host boots, only farlet's
   * user may enter it, and its path is short enough for sockets in it (at most 60 characters).
   */
  async runDir({ signal }: AbortOptions): Promise<string> {
    const { directory } = await this.#layout.read({ signal });
    const text = await this.#run(runDirectoryScript, {
      action: "make a directory for sockets",
      args: [directory, shortName(directory)],
      signal,
    });
    return text.trim();
  }

  async #remove(
    uid: string,
    what: "pod" | "volumes",
    { signal }: AbortOptions,
  ): Promise<void> {
    const pod = await this.#pod(uid, { signal });
    this.#volumes.forget(pod);
    await this.#run(removePodScript, {
      action: `remove the ${
        what === "pod" ? "files" : "volumes"
      } of pod "${uid}"`,
      args: [pod.directory.slice(0, -uid.length - 1), uid, what],
      timeout: removalTimeout,
      signal,
    });
  }

  async #pod(uid: string, options: AbortOptions): Promise<PodPlace> {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(uid)) {
      throw new RangeError(`"${uid}" is no UID of a pod`);
    }
    const { directory } = await this.#layout.read(options);
    return { uid, directory: `${directory}/pods/${uid}` };
  }

  #run(script: string, options: ScriptOptions): Promise<string> {
    return runScript(this.#host, script, options);
  }
}

function sandboxFiles(directory: string): SandboxFiles {
  return {
    hosts: `${directory}/etc/hosts`,
    resolvConf: `${directory}/etc/resolv.conf`,
  };
}

/** Below the pod's directory. */
function terminationFile(container: string, attempt: number): string {
  if (!/^[a-z0-9][-a-z0-9]*$/.test(container)) {
    throw new RangeError(`"${container}" is no name of a container`);
  }
  return `containers/${container}/${attempt}`;
}

function shortName(directory: string): string {
  return createHash("sha256").update(directory).digest("hex").slice(0, 12);
}
