import type { ConfigMap, Pod, Secret, Volume } from "../k8s/types.ts";
import type { VolumeFile } from "../providers/container_spec.ts";
import { type DownwardView, fieldValue, resourceValue } from "./field_ref.ts";
import { decodeBase64 } from "../k8s/object_content.ts";

type ConfigMapSource = NonNullable<Volume["configMap"]>;
type DownwardSource = NonNullable<Volume["downwardAPI"]>;

/** Which keys of an object become which files. */
export interface KeySelection {
  readonly items?: ConfigMapSource["items"];
  /** Permission bits of a file whose item sets none. */
  readonly mode: number;
  /** Whether keys that `items` names may be absent. */
  readonly optional?: boolean | undefined;
}

/** The files of a ConfigMap: all keys of `data` and `binaryData`, or the selected ones. */
export function configMapFiles(
  { data = {}, binaryData = {} }: Pick<ConfigMap, "data" | "binaryData">,
  selection: KeySelection,
): readonly VolumeFile[] {
  const contents = new Map<string, () => Uint8Array>();
  for (const [key, value] of Object.entries(binaryData)) {
    contents.set(key, () => decodeBase64(value));
  }
  for (const [key, value] of Object.entries(data)) {
    contents.set(key, () => encode(value));
  }
  return selectFiles(
    contents,
    (key) => `configmap references non-existent config key: ${key}`,
    selection,
  );
}

/** The files of a Secret: all its keys, or the selected ones. */
export function secretFiles(
  { data = {} }: Pick<Secret, "data">,
  selection: KeySelection,
): readonly VolumeFile[] {
  const contents = new Map(
    Object.entries(data).map(([key, value]) =>
      [key, () => decodeBase64(value)] as const
    ),
  );
  return selectFiles(
    contents,
    (key) => `references non-existent secret key: ${key}`,
    selection,
  );
}

/** The files of a downwardAPI volume: one for each item. */
export function downwardFiles(
  items: DownwardSource["items"],
  view: DownwardView & { readonly pod: Pod; readonly mode: number },
): readonly VolumeFile[] {
  return (items ?? []).map((item) => {
    const text = item.fieldRef
      ? fieldValue(view.pod, item.fieldRef.fieldPath, view)
      : item.resourceFieldRef
      ? resourceValue(view.pod, item.resourceFieldRef, { node: view.node })
      : "";
    return file(item.path, encode(text), item.mode ?? view.mode);
  });
}

/** A file of a service account's token. */
export function tokenFile(
  path: string,
  token: string,
  { mode, uid }: Pick<VolumeFile, "mode" | "uid">,
): VolumeFile {
  const made = file(path, encode(token), mode);
  return uid === undefined ? made : { ...made, uid };
}

/**
 * Files of several sources as one volume, sorted by path: of two with one path the later counts.
 *
 * A path that is also the folder of another is an error.
 */
export function mergeFiles(
  sources: readonly (readonly VolumeFile[])[],
): readonly VolumeFile[] {
  const byPath = new Map(sources.flat().map((file) => [file.path, file]));
  for (const path of byPath.keys()) {
    for (
      let at = path.indexOf("/");
      at !== -1;
      at = path.indexOf("/", at + 1)
    ) {
      const folder = path.slice(0, at);
      if (!byPath.has(folder)) continue;
      throw new Error(
        `conflicting paths: ${folder} is a file, and ${path} too`,
      );
    }
  }
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function selectFiles(
  contents: ReadonlyMap<string, () => Uint8Array>,
  missing: (key: string) => string,
  { items, mode, optional }: KeySelection,
): readonly VolumeFile[] {
  if (items === undefined || items.length === 0) {
    return [...contents].map(([key, content]) => file(key, content(), mode));
  }
  return items.flatMap((item) => {
    const content = contents.get(item.key);
    if (content) return [file(item.path, content(), item.mode ?? mode)];
    if (optional) return [];
    throw new Error(missing(item.key));
  });
}

function file(path: string, content: Uint8Array, mode: number): VolumeFile {
  return { path: cleanPath(path), content, mode };
}

/**
 * The path without empty and `.` parts; an error for one that leaves the volume or takes a name
 * that the kubelet keeps for itself (`..data`). The rules of the kubelet's atomic writer.
 */
function cleanPath(path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  const [first = ""] = parts;
  const wrong = first === ""
    ? "must not be empty"
    : path.startsWith("/")
    ? "must be relative path"
    : parts.includes("..")
    ? "must not contain '..'"
    : first.startsWith("..")
    ? "must not start with '..'"
    : undefined;
  if (wrong) throw new Error(`invalid path: ${wrong}: ${path}`);
  return parts.join("/");
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
