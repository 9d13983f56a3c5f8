import type { Container, Pod, Volume } from "../k8s/types.ts";
import type { Refusal } from "../providers/provider.ts";
import { type PullPolicy, pullPolicy } from "./pod_spec.ts";

/** A volume of a pod that is an image, with the API's defaults filled in. */
export interface WantedImage {
  /** The name of the volume. */
  readonly name: string;
  readonly image: string;
  readonly pullPolicy: PullPolicy;
}

/** As `spec.volumes[].image` in the API: newer than the types. */
interface ImageSource {
  readonly reference?: string;
  readonly pullPolicy?: string;
}

/** What image a volume is; undefined for one that is none. */
export function wantedImage(volume: Volume): WantedImage | undefined {
  const { image: source } = volume as { readonly image?: ImageSource };
  if (!source) return undefined;
  const { reference: image = "" } = source;
  const policy = pullPolicy(source.pullPolicy, image);
  return { name: volume.name, image, pullPolicy: policy };
}

/** The images that a container mounts, in the order of the pod's volumes. */
export function mountedImages(
  { spec }: Pod,
  { volumeMounts = [] }: Pick<Container, "volumeMounts">,
): readonly WantedImage[] {
  const mounted = new Set(volumeMounts.map(({ name }) => name));
  return (spec?.volumes ?? []).filter(({ name }) => mounted.has(name))
    .flatMap((volume) => wantedImage(volume) ?? []);
}

/** The refusals of a node whose runtime cannot mount images. */
export function imageVolumeRefusals({ spec }: Pod): readonly Refusal[] {
  return (spec?.volumes ?? []).flatMap((volume, index) =>
    wantedImage(volume) === undefined ? [] : [{
      field: `spec.volumes[${index}].image`,
      message: "this provider cannot mount images",
    }]
  );
}
