import { ConfigError } from "../async/config_error.ts";
import type { Pod } from "../k8s/types.ts";

/** A pod of a manifest, or what the pods that an object makes have in common. */
export interface PodTemplate {
  /** Such as `Deployment`. */
  readonly kind: string;
  readonly name: string;
  readonly pod: Pod;
}

/** Where the objects that make pods have their template. */
const templates: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  PodTemplate: ["template"],
  CronJob: ["spec", "jobTemplate", "spec", "template"],
  ...Object.fromEntries(
    [
      ...["Deployment", "DaemonSet", "ReplicaSet", "StatefulSet", "Job"],
      ...["ReplicationController"],
    ].map((kind) => [kind, ["spec", "template"]]),
  ),
};

/**
 * The pods in the documents of a manifest, Lists included; what makes none is left out.
 *
 * @param source Names the manifest in errors.
 * @throws {ConfigError} When there is no pod, or one without containers.
 */
export function podTemplates(
  documents: readonly unknown[],
  source: string,
): readonly PodTemplate[] {
  const found = documents.flatMap(items).flatMap((object) => {
    const { kind = "", metadata } = object as {
      readonly kind?: string;
      readonly metadata?: { readonly name?: string };
    };
    const path = templates[kind];
    if (path === undefined) return [];
    const name = metadata?.name ?? "";
    const pod = path.reduce<unknown>(field, object);
    if (!Array.isArray(field(field(pod, "spec"), "containers"))) {
      const at = [...path, "spec", "containers"].join(".");
      throw new ConfigError(
        `Cannot explain ${source} (${kind} ${name}): ${at} is missing`,
      );
    }
    return [{ kind, name, pod: pod as Pod }];
  });
  if (found.length > 0) return found;
  throw new ConfigError(
    `Cannot explain ${source}: there is nothing in it that is a Pod or makes Pods; these do: ${
      Object.keys(templates).join(", ")
    }`,
  );
}

function items(value: unknown): readonly unknown[] {
  const list = field(value, "items");
  const isList = String(field(value, "kind")).endsWith("List");
  return isList && Array.isArray(list) ? list : [value];
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
