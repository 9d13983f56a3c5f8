import * as z from "zod";

/** What names a blob or a manifest: its digest, and how large it must be. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** One entry of an index. */
export interface IndexEntry extends Descriptor {
  readonly artifactType?: string;
  readonly platform?: Platform;
}

/** What an image is made for, such as os `wasip1` and architecture `wasm`. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
}

/** What a name of a registry leads to. */
export type Manifest =
  | { readonly kind: "index"; readonly entries: readonly IndexEntry[] }
  | ImageManifest;

/** An image or an artifact: what it is made of. */
export interface ImageManifest {
  readonly kind: "image";
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations: Readonly<Record<string, string>>;
}

/** How a container of an image is started; empty where the image says nothing. */
export interface ImageConfig {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir?: string;
}

/** The media types of manifests that are asked for: those of OCI, and Docker's own. */
export const manifestTypes: readonly string[] = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

const descriptor = z.object({
  mediaType: z.string(),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/, "Not a sha256 digest"),
  size: z.int().nonnegative(),
});
const entry = descriptor.extend({
  artifactType: z.string().optional(),
  platform: z.object({ os: z.string(), architecture: z.string() }).optional(),
});
const manifest = z.union([
  z.object({ manifests: z.array(entry).max(10_000) }),
  z.object({
    config: descriptor,
    layers: z.array(descriptor).max(1000),
    annotations: z.record(z.string(), z.string()).nullish(),
  }),
]);
const words = z.array(z.string()).nullish();
const config = z.object({
  os: z.string().optional(),
  architecture: z.string().optional(),
  config: z.object({
    Entrypoint: words,
    Cmd: words,
    Env: words,
    WorkingDir: z.string().nullish(),
  }).nullish(),
});

/** Reads a manifest; throws a `TypeError` for what is none. */
export function parseManifest(bytes: Uint8Array): Manifest {
  const read = parse(manifest, bytes, "manifest");
  if ("manifests" in read) {
    return {
      kind: "index",
      entries: read.manifests.map(({ platform, artifactType, ...rest }) => ({
        ...rest,
        ...(platform && { platform }),
        ...(artifactType !== undefined && { artifactType }),
      })),
    };
  }
  const { layers, annotations } = read;
  return {
    kind: "image",
    config: read.config,
    layers,
    annotations: annotations ?? {},
  };
}

/** Reads the configuration of an image; throws a `TypeError` for what is none. */
export function parseImageConfig(
  bytes: Uint8Array,
): ImageConfig & { readonly platform: Platform } {
  const read = parse(config, bytes, "image configuration");
  const { Entrypoint, Cmd, Env, WorkingDir } = read.config ?? {};
  return {
    platform: { os: read.os ?? "", architecture: read.architecture ?? "" },
    entrypoint: Entrypoint ?? [],
    cmd: Cmd ?? [],
    env: Object.fromEntries((Env ?? []).map(variable)),
    ...(WorkingDir ? { workingDir: WorkingDir } : {}),
  };
}

function variable(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function parse<T>(schema: z.ZodType<T>, bytes: Uint8Array, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new TypeError(`its ${what} is not JSON`, { cause: error });
  }
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  throw new TypeError(`its ${what} cannot be read`, { cause: read.error });
}
