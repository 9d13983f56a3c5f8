import type { Container, Pod, Volume } from "../k8s/types.ts";

/** Names of objects beside a pod; each once, in the order of the pod. */
export interface ReferencedObjects {
  readonly configMaps: readonly string[];
  readonly secrets: readonly string[];
}

/** The ConfigMaps and Secrets that the volumes and all containers of a pod refer to. */
export function referencedObjects({ spec }: Pod): ReferencedObjects {
  const containers = [
    ...spec?.initContainers ?? [],
    ...spec?.containers ?? [],
    ...spec?.ephemeralContainers ?? [],
  ];
  return union([
    ...(spec?.volumes ?? []).map(volumeReferences),
    ...containers.map(containerReferences),
  ]);
}

/** The ConfigMaps and Secrets that the environment of one container refers to. */
export function containerReferences(
  { env = [], envFrom = [] }: Pick<Container, "env" | "envFrom">,
): ReferencedObjects {
  return union([
    ...envFrom.map((source) =>
      references(source.configMapRef?.name, source.secretRef?.name)
    ),
    // A value that is not empty counts, and then `valueFrom` does not.
    ...env.map(({ value, valueFrom }) =>
      value ? none : references(
        valueFrom?.configMapKeyRef?.name,
        valueFrom?.secretKeyRef?.name,
      )
    ),
  ]);
}

/** The ConfigMaps and Secrets that one volume refers to. */
export function volumeReferences(
  { configMap, secret, projected }: Volume,
): ReferencedObjects {
  return union([
    references(configMap?.name, secret?.secretName),
    ...(projected?.sources ?? []).map((source) =>
      references(source.configMap?.name, source.secret?.name)
    ),
  ]);
}

const none: ReferencedObjects = { configMaps: [], secrets: [] };

function references(
  configMap: string | undefined,
  secret: string | undefined,
): ReferencedObjects {
  return {
    configMaps: configMap ? [configMap] : [],
    secrets: secret ? [secret] : [],
  };
}

function union(parts: readonly ReferencedObjects[]): ReferencedObjects {
  return {
    configMaps: [...new Set(parts.flatMap((part) => part.configMaps))],
    secrets: [...new Set(parts.flatMap((part) => part.secrets))],
  };
}
