import { formatYaml } from "../async/yaml_file.ts";
import type { ProviderName } from "../pod_field_table.ts";
import { type ExplainedField, PodExplainer } from "./explained_pod.ts";
import type { PodTemplate } from "./pod_templates.ts";
import { Table } from "./table.ts";

/** Options of {@linkcode explainPods}. */
export interface ExplainOptions {
  readonly providers: readonly ProviderName[];
  /** For programs; a table for people unless given. */
  readonly format?: "json" | "yaml";
}

interface ExplainedPod {
  readonly kind: string;
  readonly name: string;
  readonly fields: readonly ExplainedField[];
}

/** What is to be printed, and whether one of the providers would take all of the pods. */
export function explainPods(
  templates: readonly PodTemplate[],
  { providers, format }: ExplainOptions,
): { readonly text: string; readonly accepted: boolean } {
  const explainer = new PodExplainer();
  const pods = templates.map(({ kind, name, pod }): ExplainedPod => ({
    kind,
    name,
    fields: explainer.explain(pod, providers),
  }));
  const accepted = providers.some((provider) =>
    pods.every(({ fields }) =>
      fields.every((field) => field.providers[provider]?.support !== "refused")
    )
  );
  const text = format === undefined
    ? tables(pods, providers)
    : format === "yaml"
    ? formatYaml({ pods })
    : `${JSON.stringify({ pods }, undefined, 4)}\n`;
  return { text, accepted };
}

/** A table for each pod, below its name where there are several. */
function tables(
  pods: readonly ExplainedPod[],
  providers: readonly ProviderName[],
): string {
  const headers = providers.length === 1
    ? ["SUPPORT"]
    : providers.map((name) => name.toUpperCase());
  return pods.map(({ kind, name, fields }) => {
    const title = pods.length === 1 ? "" : `${kind} ${name}\n`;
    const rows = fields.map((field) => [
      field.field,
      ...providers.map((name) => field.providers[name]?.support ?? ""),
      notes(field, providers),
    ]);
    return title + new Table().format([["FIELD", ...headers, "NOTE"], ...rows]);
  }).join("\n").replaceAll(/ +$/gm, "");
}

/** Each note once; where they differ, with the names of those that it is about. */
function notes(
  field: ExplainedField,
  providers: readonly ProviderName[],
): string {
  const texts = new Map<string, ProviderName[]>();
  for (const name of providers) {
    const note = field.providers[name]?.note ?? "";
    texts.set(note, [...texts.get(note) ?? [], name]);
  }
  if (texts.size === 1) return [...texts.keys()].join();
  return [...texts].filter(([note]) => note !== "")
    .map(([note, names]) => `${names.join(", ")}: ${note}`).join("; ");
}
