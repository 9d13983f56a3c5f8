import type { Pod } from "../k8s/types.ts";
import {
  expandField,
  FieldFinder,
  type FieldRule,
} from "../providers/pod_field.ts";
import type { Refusal } from "../providers/provider.ts";
import { containerRules } from "./pod_fields_container.ts";
import { lifecycleRules } from "./pod_fields_lifecycle.ts";
import { podRules } from "./pod_fields_pod.ts";
import { volumeRules } from "./pod_fields_volume.ts";

/**
 * What becomes of every field of the Pod API of v1.37, whatever the provider; where one differs,
 * its column (`providers/NAME/pod_fields.ts`) says so.
 */
export const fieldRules: readonly FieldRule[] = [
  ...podRules,
  ...containerRules,
  ...lifecycleRules,
  ...volumeRules,
];

const refusedFields = new FieldFinder(fieldRules, "refused");
const ignoredFields = new FieldFinder(fieldRules, "ignored");
const knownFields: ReadonlySet<string> = new Set(
  volumeRules.flatMap(({ field }) => expandField(field))
    .map((path) => path.replace(/\.\*$/, "")),
);

/** The fields of a pod that the table refuses, whatever the provider. */
export function fieldsRefused(pod: Pod): readonly Refusal[] {
  return refusedFields.find(pod);
}

/** The fields of a pod that no provider heeds though it runs the pod. */
export function fieldsIgnored(pod: Pod): readonly Refusal[] {
  return ignoredFields.find(pod);
}

/** Whether the table has a row for this field of a volume, such as `spec.volumes[].nfs`. */
export function isVolumeField(path: string): boolean {
  return knownFields.has(path);
}
