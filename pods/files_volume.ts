import type { AbortOptions } from "../async/abort.ts";
import type { Pod, Volume } from "../k8s/types.ts";
import type { VolumeFile, VolumeSpec } from "../providers/container_spec.ts";
import type { DownwardView } from "./field_ref.ts";
import {
  objectNotFound,
  type ObjectSource,
  type PodObjects,
  readObjects,
} from "./objects.ts";
import { optional } from "./optional.ts";
import { podIdentity } from "./pod_spec.ts";
import { volumeReferences } from "./referenced_objects.ts";
import { commonUser } from "./security.ts";
import {
  configMapFiles,
  downwardFiles,
  mergeFiles,
  secretFiles,
  tokenFile,
} from "./volume_files.ts";

/** Where the content of volumes comes from. */
export interface VolumeContext extends DownwardView {
  readonly objects: ObjectSource;
}

type Projection = NonNullable<
  NonNullable<Volume["projected"]>["sources"]
>[number];

/** The files of one source, before it is known which of them a later source hides. */
interface Content {
  readonly files: readonly VolumeFile[];
  readonly secret: boolean;
}

/** What the API sets for files when a pod says nothing. */
const defaultFileMode = 0o644;
const defaultTokenSeconds = 3600;

/** Whether the volume is one whose content comes from the API: nobody writes to it but farlet. */
export function isFilesVolume(volume: Volume): boolean {
  const { configMap, secret, downwardAPI, projected } = volume;
  return Boolean(configMap ?? secret ?? downwardAPI ?? projected);
}

/** A configMap, secret, downwardAPI or projected volume with its files; an Error says why not. */
export async function filesVolume(
  volume: Volume,
  pod: Pod,
  context: VolumeContext & AbortOptions,
): Promise<VolumeSpec> {
  const { name } = volume;
  const sources = volumeSources(volume);
  const read = await readObjects(
    podIdentity(pod),
    volumeReferences(volume),
    context,
  );
  const contents = await Promise.all(
    sources.projections.map((projection) =>
      projectedContent(projection, {
        ...context,
        pod,
        read,
        mode: sources.mode,
      })
    ),
  );
  const { fsGroup } = pod.spec?.securityContext ?? {};
  const files = mergeFiles(contents.map((content) => content.files));
  return {
    kind: "files",
    name,
    files: readableBy(fsGroup, files),
    secret: contents.some((content) => content.secret),
    ...optional("fsGroup", fsGroup),
  };
}

/** A configMap, secret or downwardAPI volume is a projected one with a single source. */
function volumeSources(
  { name: _, ...kinds }: Volume,
): { readonly projections: readonly Projection[]; readonly mode: number } {
  const { configMap, secret, downwardAPI, projected } = kinds;
  if (projected) {
    const { sources = [], defaultMode = defaultFileMode } = projected;
    return { projections: sources, mode: defaultMode };
  }
  if (configMap) {
    const { defaultMode = defaultFileMode, ...source } = configMap;
    return { projections: [{ configMap: source }], mode: defaultMode };
  }
  if (secret) {
    const { defaultMode = defaultFileMode, secretName, ...source } = secret;
    const projection = {
      ...source,
      ...(secretName === undefined ? {} : { name: secretName }),
    };
    return { projections: [{ secret: projection }], mode: defaultMode };
  }
  if (downwardAPI) {
    const { defaultMode = defaultFileMode, ...source } = downwardAPI;
    return { projections: [{ downwardAPI: source }], mode: defaultMode };
  }
  const [kind] = Object.keys(kinds);
  throw new Error(`volumes of type ${kind} are not supported`);
}

async function projectedContent(
  projection: Projection,
  context: VolumeContext & AbortOptions & {
    readonly pod: Pod;
    readonly read: PodObjects;
    readonly mode: number;
  },
): Promise<Content> {
  const { pod, read, mode, objects, signal } = context;
  const { configMap, secret, downwardAPI, serviceAccountToken } = projection;
  if (secret) {
    const { name = "", ...selection } = secret;
    const found = read.secrets.get(name);
    if (!found && !secret.optional) throw objectNotFound("secret", name);
    const files = secretFiles(found ?? {}, { ...selection, mode });
    return { files, secret: true };
  }
  if (configMap) {
    const { name = "", ...selection } = configMap;
    const found = read.configMaps.get(name);
    if (!found && !configMap.optional) throw objectNotFound("configmap", name);
    const files = configMapFiles(found ?? {}, { ...selection, mode });
    return { files, secret: false };
  }
  if (downwardAPI) {
    const files = downwardFiles(downwardAPI.items, context);
    return { files, secret: false };
  }
  if (serviceAccountToken) {
    const { audience, path, expirationSeconds } = serviceAccountToken;
    const { token } = await objects.serviceAccountToken(pod, {
      ...(audience ? { audience } : {}),
      expirationSeconds: expirationSeconds ?? defaultTokenSeconds,
    }, { signal });
    return {
      files: [tokenFile(path, token, tokenOwner(pod, mode))],
      secret: true,
    };
  }
  const [kind] = Object.keys(projection);
  throw new Error(`projected sources of type ${kind} are not supported`);
}

/** As the kubelet gives a pod the files that it may read but not write: to its group, if it has one. */
function readableBy(
  fsGroup: number | undefined,
  files: readonly VolumeFile[],
): readonly VolumeFile[] {
  if (fsGroup === undefined) return files;
  return files.map((file) => ({ ...file, mode: file.mode | 0o440 }));
}

/** A token is for its owner alone where the pod has a user or a group that can be its owner. */
function tokenOwner(
  pod: Pod,
  mode: number,
): Pick<VolumeFile, "mode" | "uid"> {
  const uid = commonUser(pod);
  const { fsGroup } = pod.spec?.securityContext ?? {};
  if (uid === undefined && fsGroup === undefined) return { mode };
  return { mode: 0o600, ...optional("uid", uid) };
}
