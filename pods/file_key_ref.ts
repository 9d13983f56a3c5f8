import type { AbortOptions } from "../async/abort.ts";
import type { Container, EnvVar, Pod } from "../k8s/types.ts";
import { envFileValue } from "./env_file.ts";

/** Reads a file of a volume of a pod, named by the volume; undefined where there is none. */
export type ReadVolumeFile = (
  volume: string,
  path: string,
  options: AbortOptions,
) => Promise<string | undefined>;

/** As `fileKeyRef` in the API: newer than the types. */
export interface FileKeyRef {
  readonly volumeName: string;
  readonly path: string;
  readonly key: string;
  readonly optional?: boolean;
}

/** What files have, by their volume and path with a `/` between them. */
export type EnvFiles = ReadonlyMap<string, string>;

/**
 * The files of volumes that the container's environment is taken from; absent ones are left out. A
 * volume that the pod does not have and a path that leaves its volume are errors.
 */
export async function readEnvFiles(
  { pod, container, readVolumeFile }: {
    readonly pod: Pod;
    readonly container: Container;
    readonly readVolumeFile?: ReadVolumeFile | undefined;
  },
  options: AbortOptions,
): Promise<EnvFiles> {
  const wanted = new Map(
    (container.env ?? []).filter(({ value }) => !value)
      .flatMap(({ valueFrom }) => fileKeyRef(valueFrom) ?? [])
      .map((ref) => [fileId(ref), ref]),
  );
  const files = new Map<string, string>();
  for (const [id, { volumeName, path }] of wanted) {
    const volume = (pod.spec?.volumes ?? []).some(({ name }) =>
      name === volumeName
    );
    if (!volume) {
      throw new Error(
        `cannot find the volume "${volumeName}" referenced by FileKeyRef`,
      );
    }
    if (path.startsWith("/") || path.split("/").includes("..")) {
      throw new Error(
        `Cannot read file "${path}" of volume "${volumeName}": the path must be relative, without ".."`,
      );
    }
    const text = await readVolumeFile?.(volumeName, path, options);
    if (text !== undefined) files.set(id, text);
  }
  return files;
}

/**
 * The value that a file has for the key; undefined where it has none and need not. What else is
 * wrong is an error with the kubelet's message, which says nothing of what is in the file.
 */
export function fileKeyValue(
  ref: FileKeyRef,
  files: EnvFiles,
): string | undefined {
  const { path, key, optional } = ref;
  const text = files.get(fileId(ref));
  // As the kubelet: it is the key that may be absent, not the file.
  if (text === undefined) throw new Error("couldn't parse env file");
  const value = keyOf(text, key);
  if (value) return value;
  if (optional) return undefined;
  throw new Error(
    `environment variable key "${key}" not found in file "${path}"`,
  );
}

function keyOf(text: string, key: string): string | undefined {
  try {
    return envFileValue(text, key);
  } catch (error) {
    throw new Error("couldn't parse env file", { cause: error });
  }
}

/** The `fileKeyRef` of a variable, if it has one. */
export function fileKeyRef(
  valueFrom: EnvVar["valueFrom"],
): FileKeyRef | undefined {
  return (valueFrom as { readonly fileKeyRef?: FileKeyRef } | undefined)
    ?.fileKeyRef;
}

function fileId({ volumeName, path }: FileKeyRef): string {
  return `${volumeName}/${path}`;
}
