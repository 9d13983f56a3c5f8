import type { Container, Pod, Volume } from "../k8s/types.ts";
import type { Refusal } from "../providers/provider.ts";
import { podLimitRefusals } from "./container_resources.ts";

const supportedVolumes = [
  "emptyDir",
  "configMap",
  "secret",
  "hostPath",
  "downwardAPI",
  "projected",
];
const supportedSources = [
  "configMap",
  "secret",
  "downwardAPI",
  "serviceAccountToken",
];

/** Container fields whose meaning farlet does not have yet. */
const containerFields = ["volumeDevices"];
const podFields = [
  "resourceClaims",
  "hostnameOverride",
];

/**
 * The fields of a pod that farlet cannot honour, whatever the provider.
 *
 * A field that would change what the pod means is refused by name, never ignored. Fields that only
 * the scheduler or the API server read are none of a node's business.
 */
export function unsupportedFields(pod: Pod): readonly Refusal[] {
  const spec = (pod.spec ?? {}) as Readonly<Record<string, unknown>>;
  const containers = (kind: "initContainers" | "containers") =>
    (pod.spec?.[kind] ?? []).flatMap((container, index) =>
      containerRefusals(container, `spec.${kind}[${index}]`)
    );
  return [
    ...podFields.filter((field) => isSet(spec[field])).map((field) =>
      notYet(`spec.${field}`)
    ),
    ...podLimitRefusals(pod),
    ...containers("initContainers"),
    ...containers("containers"),
    ...(pod.spec?.volumes ?? []).flatMap((volume, index) =>
      volumeRefusals(volume, `spec.volumes[${index}]`)
    ),
  ];
}

function containerRefusals(
  container: Container,
  path: string,
): readonly Refusal[] {
  const fields = container as unknown as Readonly<Record<string, unknown>>;
  const claims = (container.resources as { claims?: unknown } | undefined)
    ?.claims;
  return [
    ...containerFields.filter((field) => isSet(fields[field])).map((field) =>
      notYet(`${path}.${field}`)
    ),
    ...ruleRefusals(container, path),
    ...(isSet(claims) ? [notYet(`${path}.resources.claims`)] : []),
    ...(container.env ?? []).flatMap(({ valueFrom }, index) =>
      valueFrom !== undefined && "fileKeyRef" in valueFrom
        ? [notYet(`${path}.env[${index}].valueFrom.fileKeyRef`)]
        : []
    ),
  ];
}

function ruleRefusals(container: Container, path: string): readonly Refusal[] {
  const { restartPolicyRules = [] } = container as {
    readonly restartPolicyRules?: readonly { readonly action?: string }[];
  };
  return restartPolicyRules.flatMap(({ action }, index) =>
    action === "Restart"
      ? []
      : [notYet(`${path}.restartPolicyRules[${index}].action`)]
  );
}

function volumeRefusals(volume: Volume, path: string): readonly Refusal[] {
  const kinds = Object.keys(volume).filter((key) => key !== "name");
  const unknown = kinds.filter((kind) => !supportedVolumes.includes(kind));
  const sources = volume.projected?.sources ?? [];
  return [
    ...unknown.map((kind) => notYet(`${path}.${kind}`)),
    ...sources.flatMap((source, index) =>
      Object.keys(source).filter((kind) => !supportedSources.includes(kind))
        .map((kind) => notYet(`${path}.projected.sources[${index}].${kind}`))
    ),
  ];
}

function isSet(value: unknown): boolean {
  if (value === undefined || value === null) return false;
  if (Array.isArray(value)) return value.length > 0;
  return typeof value !== "object" || Object.keys(value).length > 0;
}

function notYet(field: string): Refusal {
  return { field, message: "farlet does not support this yet" };
}
