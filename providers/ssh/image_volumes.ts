import type { AbortOptions } from "../../async/abort.ts";
import type { ImageVolume, VolumeMount } from "../container_spec.ts";
import { RuntimeError } from "../errors.ts";
import type { PodIdentity } from "../runtime.ts";
import type { ContainerRecord } from "./container_record.ts";
import {
  type CreateBody,
  type ImageMount,
  withSpecHash,
} from "./create_body.ts";
import { createContainer } from "./create_container.ts";
import type { EngineClient } from "./engine/engine_client.ts";
import { EngineError } from "./engine/engine_error.ts";
import type { EngineInfo } from "./engine/engine_info.ts";
import type { Inventory } from "./inventory.ts";
import { engineName, identityLabels } from "./labels.ts";
import { newestSandbox } from "./observe.ts";
import type { PodFiles } from "./pod_files.ts";

/** What {@linkcode ImageVolumes} works with. */
export interface ImageVolumeParts {
  readonly node: string;
  readonly engine: () => EngineClient;
  readonly inventory: Inventory;
  readonly files: PodFiles;
}

/** What of images an engine can mount: nothing, only whole images, or also paths in them. */
export type ImageMounting = "none" | "images" | "paths";

/**
 * What an engine can mount of images. Docker can since version 28 (API 1.48); Podman cannot mount
 * paths, unless farlet may do it for it.
 *
 * @param mounts Whether farlet may mount on the host.
 */
export function imageMounting(
  { kind, apiVersion, rootless }: Pick<
    EngineInfo,
    "kind" | "apiVersion" | "rootless"
  >,
  mounts: boolean,
): ImageMounting {
  if (kind === "podman") return !rootless && mounts ? "paths" : "images";
  const [major = 0, minor = 0] = apiVersion.split(".").map(Number);
  return major > 1 || (major === 1 && minor >= 48) ? "paths" : "none";
}

/**
 * The images that the pods of a node have as volumes.
 *
 * A container that never runs keeps each of them: no engine removes its image then, whatever else
 * it is told to remove. Where farlet may mount on a host with Podman, what such a container would
 * see as its root is mounted among the pod's volumes, read-only and without executables. Elsewhere
 * the engine mounts the image for each container.
 */
export class ImageVolumes {
  readonly #parts: ImageVolumeParts;

  constructor(parts: ImageVolumeParts) {
    this.#parts = parts;
  }

  /** As `ContainerRuntime.setImageVolume()`. */
  async set(
    podUid: string,
    volume: ImageVolume,
    options: AbortOptions,
  ): Promise<void> {
    const { inventory, files } = this.#parts;
    const engine = this.#parts.engine();
    const records = await inventory.pod(podUid, options);
    const pod = newestSandbox(records)?.pod;
    if (pod === undefined) {
      throw mountError(volume, "its pod has no sandbox");
    }
    const known = keeperOf(volume.name, records);
    const id = known?.imageId === volume.imageId
      ? known.id
      : await this.#keep(pod, volume, options);
    if (!await this.#mountsOnHost(options)) return;
    try {
      const source = await engine.mountContainer(id, options);
      await files.setImageVolume(
        podUid,
        { name: volume.name, source },
        options,
      );
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      throw mountError(volume, error.engineMessage, error);
    }
  }

  /** Which of the mounts the engine has to make itself, and of what. */
  async engineMounts(
    mounts: readonly VolumeMount[],
    records: readonly ContainerRecord[],
    options: AbortOptions,
  ): Promise<ReadonlyMap<VolumeMount, ImageMount>> {
    const kept = mounts.flatMap((mount) => {
      const keeper = keeperOf(mount.volume, records);
      return keeper === undefined ? [] : [{ mount, keeper }];
    });
    if (kept.length === 0 || await this.#mountsOnHost(options)) {
      return new Map();
    }
    return new Map(
      kept.map(({ mount, keeper }) => [mount, imageMount(mount, keeper)]),
    );
  }

  async #mountsOnHost(options: AbortOptions): Promise<boolean> {
    const { kind, rootless } = this.#parts.engine().info;
    if (kind !== "podman" || rootless) return false;
    return (await this.#parts.files.layout(options)).mounts;
  }

  async #keep(
    pod: PodIdentity,
    volume: ImageVolume,
    options: AbortOptions,
  ): Promise<string> {
    const { node, inventory } = this.#parts;
    const maker = { engine: this.#parts.engine(), inventory };
    const name = engineName({
      pod,
      kind: "volume",
      container: volume.name,
      attempt: 0,
    });
    const body = keeperBody(volume, { pod, node });
    const { id } = await createContainer(maker, { name, body }, options);
    await inventory.inspect(id, options);
    return id;
  }
}

function keeperOf(
  volume: string,
  records: readonly ContainerRecord[],
): ContainerRecord | undefined {
  return records.find(({ kind, container }) =>
    kind === "volume" && container === volume
  );
}

function imageMount(
  { mountPath, subPath = "" }: VolumeMount,
  { imageId }: ContainerRecord,
): ImageMount {
  return {
    Type: "image",
    Source: imageId,
    Target: mountPath,
    ...(subPath === "" ? {} : { ImageOptions: { Subpath: subPath } }),
  };
}

function keeperBody(
  { name, image, imageId }: ImageVolume,
  { pod, node }: { readonly pod: PodIdentity; readonly node: string },
): CreateBody {
  return withSpecHash({
    Image: imageId,
    Labels: identityLabels({
      pod,
      node,
      kind: "volume",
      container: name,
      attempt: 0,
      image,
      imageId,
      sandbox: "",
    }),
    // It never runs, and many images say nothing that could.
    Entrypoint: ["none"],
    Healthcheck: { Test: ["NONE"] },
    HostConfig: {
      RestartPolicy: { Name: "no" },
      NetworkMode: "none",
      IpcMode: "private",
      // Where SELinux has a say, others see its root only if it has no categories of its own.
      SecurityOpt: ["label=level:s0"],
    },
  });
}

/** In the words that runtimes have for it, and the kubelet's reason. */
function mountError(
  { name, image }: ImageVolume,
  why: string,
  cause?: unknown,
): RuntimeError {
  return new RuntimeError(
    "CreateContainerError",
    `ImageVolumeMountFailed: cannot mount image "${image}" as volume "${name}": ${why}`,
    { cause },
  );
}
