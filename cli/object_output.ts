import { formatYaml } from "../async/yaml_file.ts";
import type { KubernetesObject } from "../k8s/types.ts";

/** Objects as `kubectl get -o json` or `-o yaml` prints them: one alone, or a List. */
export function formatObjects(
  objects: readonly KubernetesObject[],
  { format, single }: {
    readonly format: "json" | "yaml";
    /** Whether exactly one was asked for, by its name. */
    readonly single: boolean;
  },
): string {
  const value = sorted(
    single && objects.length === 1 ? objects[0] : {
      apiVersion: "v1",
      items: objects,
      kind: "List",
      metadata: { resourceVersion: "" },
    },
  );
  return format === "yaml"
    ? formatYaml(value)
    : `${JSON.stringify(value, undefined, 4)}\n`;
}

/** With the keys of every object in order, as Go writes maps. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, field]) =>
    field !== undefined
  ).toSorted(([a], [b]) => a < b ? -1 : 1);
  return Object.fromEntries(
    entries.map(([key, field]) => [key, sorted(field)]),
  );
}
