import type { Descriptor, ImageManifest, Platform } from "./manifest.ts";

/** How a program lies in a registry. */
export type Packaging =
  /** One layer is the program: an artifact. */
  | { readonly kind: "module"; readonly layer: Descriptor }
  /** The program is one of the files of an ordinary image. */
  | { readonly kind: "files"; readonly layers: readonly Descriptor[] };

/**
 * Layers that are a program: CNCF's artifacts, those of wasm-to-oci and krustlet, and those of the
 * Bytecode Alliance's registries.
 */
const moduleTypes: ReadonlySet<string> = new Set([
  "application/wasm",
  "application/vnd.wasm.content.layer.v1+wasm",
  "application/vnd.module.wasm.content.layer.v1+wasm",
  "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
]);

const archive =
  /^application\/vnd\.(?:oci\.image\.layer\.(?:nondistributable\.)?v1\.tar|docker\.image\.rootfs\.diff\.tar)(?:[.+](?:gzip|zstd))?$/;

/** Where in an image its program is; throws a `TypeError` for an artifact that has none. */
export function packagingOf(
  { layers, config }: Pick<ImageManifest, "layers" | "config">,
): Packaging {
  if (config.mediaType.startsWith("application/vnd.fermyon.spin.")) {
    throw new TypeError(
      "it is a Spin application, which needs Spin: a program is one module or component",
    );
  }
  const layer = layers.find(({ mediaType }) => moduleTypes.has(mediaType));
  if (layer !== undefined) return { kind: "module", layer };
  const other = layers.find(({ mediaType }) => !archive.test(mediaType));
  if (layers.length > 0 && other === undefined) {
    return { kind: "files", layers };
  }
  const what = other?.mediaType ?? config.mediaType;
  throw new TypeError(
    `it is an artifact of type "${what}", and neither a WASI program nor an image with one`,
  );
}

/** The platforms of images that can run here, the best first. */
const platforms: readonly Platform[] = ["wasip1", "wasi", "wasip2"].flatMap(
  (os) => [
    { os, architecture: "wasm" },
    { os, architecture: "wasm32" },
  ],
);

/** How good a platform is for a WASI node: 0 is best; undefined for one of another world. */
export function platformRank(
  { os, architecture }: Platform,
): number | undefined {
  const rank = platforms.findIndex((each) =>
    each.os === os && each.architecture === architecture
  );
  return rank < 0 ? undefined : rank;
}

/** Says why an image for these platforms is of no use here, and where it would be. */
export function foreignPlatforms(found: readonly Platform[]): string {
  const names = new Set(
    found.map(({ os, architecture }) => `${os}/${architecture}`)
      .filter((name) => name !== "unknown/unknown" && name !== "/"),
  );
  const shown = [...names].slice(0, 5).join(", ") || "no platform";
  return `no match for platform wasi/wasm: it is for ${shown}, which an ordinary node runs, or one of farlet's provider ssh`;
}

/**
 * Whether an ordinary image is one of a WASI program: by its platform, by the annotation that
 * crun and others go by, or by what it starts.
 */
export function isWasiImage(
  { platform, annotations, program }: {
    readonly platform: Platform;
    readonly annotations: ImageManifest["annotations"];
    /** What it starts, if it says so. */
    readonly program?: string;
  },
): boolean {
  const variant = annotations["module.wasm.image/variant"] ??
    annotations["run.oci.handler"];
  return platformRank(platform) !== undefined ||
    /^(?:compat|compat-smart|wasm)$/.test(variant ?? "") ||
    /\.wasm$/.test(program ?? "");
}
