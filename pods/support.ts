import type { Pod, Volume } from "../k8s/types.ts";
import type { Refusal } from "../providers/provider.ts";
import { podLimitRefusals } from "./container_resources.ts";
import { fieldsRefused, isVolumeField } from "./pod_fields.ts";

/**
 * The fields of a pod that farlet cannot honour, whatever the provider: those that its table
 * (`pod_fields.ts`) refuses, and volumes that the table does not know.
 *
 * A field that would change what the pod means is refused by name, never ignored. Fields that only
 * the scheduler or the API server read are none of a node's business.
 */
export function unsupportedFields(pod: Pod): readonly Refusal[] {
  return [
    ...fieldsRefused(pod),
    ...podLimitRefusals(pod),
    ...(pod.spec?.volumes ?? []).flatMap((volume, index) =>
      unknownKinds(volume, `spec.volumes[${index}]`)
    ),
  ];
}

/** A volume of a kind that is newer than the table would be an empty directory. */
function unknownKinds(volume: Volume, path: string): readonly Refusal[] {
  const sources = volume.projected?.sources ?? [];
  return [
    ...Object.keys(volume).map((kind) => [path, kind, "spec.volumes[]"]),
    ...sources.flatMap((source, index) =>
      Object.keys(source).map((kind) => [
        `${path}.projected.sources[${index}]`,
        kind,
        "spec.volumes[].projected.sources[]",
      ])
    ),
  ].filter(([, kind, place]) => !isVolumeField(`${place}.${kind}`))
    .map(([at, kind]) => ({
      field: `${at}.${kind}`,
      message: "farlet knows no such volume",
    }));
}
