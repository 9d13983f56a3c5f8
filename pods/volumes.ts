import { messageOf } from "../async/message_of.ts";
import type { AbortOptions } from "../async/abort.ts";
import { bytes } from "../k8s/quantity.ts";
import type { Container, Pod, Volume } from "../k8s/types.ts";
import { RuntimeError } from "../providers/errors.ts";
import type { VolumeMount, VolumeSpec } from "../providers/container_spec.ts";
import { expand, valueOf } from "./expansion.ts";
import { wantedImage } from "./image_volume.ts";
import { MountError } from "./mount_error.ts";
import { optional } from "./optional.ts";
import {
  filesVolume,
  isFilesVolume,
  type VolumeContext,
} from "./files_volume.ts";

/**
 * Every volume of the pod with its content, in the order of the pod; images come with the
 * containers that mount them.
 *
 * The first volume that cannot be had is a {@linkcode MountError}.
 */
export async function resolveVolumes(
  pod: Pod,
  context: VolumeContext,
  { signal }: AbortOptions,
): Promise<readonly VolumeSpec[]> {
  const volumes = (pod.spec?.volumes ?? [])
    .filter((volume) => wantedImage(volume) === undefined);
  const settled = await Promise.allSettled(
    volumes.map((volume) => resolveVolume(volume, pod, { ...context, signal })),
  );
  signal.throwIfAborted();
  return settled.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}

/**
 * Where the container sees which volumes; `subPathExpr` is expanded from its environment.
 *
 * Volumes whose content comes from the API, and images, are read-only. An unknown volume, a sub-path that
 * leaves its volume and a variable without a value are a `RuntimeError` `CreateContainerConfigError`.
 */
export function resolveMounts(
  container: Container,
  pod: Pod,
  env: Readonly<Record<string, string>>,
): readonly VolumeMount[] {
  const volumes = new Map(
    (pod.spec?.volumes ?? []).map((volume) => [volume.name, volume]),
  );
  return (container.volumeMounts ?? []).map((mount) => {
    const volume = volumes.get(mount.name);
    if (volume === undefined) {
      throw configError(
        `cannot find volume "${mount.name}" to mount into container "${container.name}"`,
      );
    }
    const subPath = checkedSubPath(
      mount.subPathExpr
        ? expandSubPath(mount.subPathExpr, env)
        : mount.subPath ?? "",
    );
    return {
      volume: mount.name,
      mountPath: absolute(mount.mountPath),
      readOnly: mount.readOnly === true || isFilesVolume(volume) ||
        wantedImage(volume) !== undefined,
      ...(subPath === "" ? {} : { subPath }),
      ...propagation(mount.mountPropagation),
    };
  });
}

async function resolveVolume(
  volume: Volume,
  pod: Pod,
  context: VolumeContext & AbortOptions,
): Promise<VolumeSpec> {
  try {
    const fsGroup = pod.spec?.securityContext?.fsGroup;
    return directoryVolume(volume, fsGroup) ??
      await filesVolume(volume, pod, context);
  } catch (error) {
    context.signal.throwIfAborted();
    const why = messageOf(error);
    throw new MountError(volume.name, why, { cause: error });
  }
}

/** emptyDir (also when the pod names no kind at all, as in the API) and hostPath. */
function directoryVolume(
  volume: Volume,
  fsGroup: number | undefined,
): VolumeSpec | undefined {
  const { name, hostPath, ...kinds } = volume;
  if (hostPath) {
    const { path, type = "" } = hostPath;
    return { kind: "hostPath", name, path, type };
  }
  if (!kinds.emptyDir && Object.keys(kinds).length > 0) return undefined;
  const { medium = "", sizeLimit } = kinds.emptyDir ?? {};
  if (medium !== "" && medium !== "Memory") {
    throw new Error(`unknown storage medium "${medium}"`);
  }
  return {
    kind: "emptyDir",
    name,
    medium,
    ...(sizeLimit === undefined ? {} : { sizeLimitBytes: bytes(sizeLimit) }),
    ...optional("fsGroup", fsGroup),
  };
}

function propagation(
  given: string | undefined,
): Pick<VolumeMount, "propagation"> {
  return given === "HostToContainer" || given === "Bidirectional"
    ? { propagation: given }
    : {};
}

function expandSubPath(
  expression: string,
  env: Readonly<Record<string, string>>,
): string {
  const missing = new Set<string>();
  const subPath = expand(expression, (name) => {
    const value = valueOf(env, name) ?? "";
    if (value === "") missing.add(name);
    return value;
  });
  if (missing.size === 0) return subPath;
  throw configError(`missing value for ${[...missing].sort().join(", ")}`);
}

function checkedSubPath(subPath: string): string {
  if (subPath.startsWith("/")) {
    throw configError(
      `error SubPath \`${subPath}\` must not be an absolute path`,
    );
  }
  const parts = subPath.split("/");
  if (parts.includes("..")) {
    throw configError(
      `unable to provision SubPath \`${subPath}\`: must not contain '..'`,
    );
  }
  return parts.filter((part) => part !== "" && part !== ".").join("/");
}

function absolute(path: string): string {
  return path.startsWith("/") ? path : `/${path}`;
}

function configError(message: string): RuntimeError {
  return new RuntimeError("CreateContainerConfigError", message);
}
