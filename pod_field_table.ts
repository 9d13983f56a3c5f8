import { fieldRules } from "./pods/pod_fields.ts";
import { memoryFields } from "./providers/memory/pod_fields.ts";
import {
  expandField,
  type FieldColumn,
  type FieldSupport,
} from "./providers/pod_field.ts";
import { sshFields } from "./providers/ssh/pod_fields.ts";
import { wasmFields } from "./providers/wasm/pod_fields.ts";

/** The providers, in the order of their columns. */
export const providerNames = ["ssh", "wasm", "memory"] as const;
export type ProviderName = (typeof providerNames)[number];

/** Where each provider differs from the rules of all. */
export const fieldColumns: Readonly<Record<ProviderName, FieldColumn>> = {
  ssh: sshFields,
  wasm: wasmFields,
  memory: memoryFields,
};

/** What becomes of some fields at each provider. */
export interface FieldRow {
  /** As {@linkcode FieldRule.field}. */
  readonly field: string;
  /** What holds for every provider that says nothing else. */
  readonly note: string;
  readonly providers: Readonly<Record<ProviderName, FieldSupport>>;
}

/** The table of all pod fields: the only place where the columns come together. */
export function fieldTable(): readonly FieldRow[] {
  return fieldRules.map(({ field, ...rule }) => ({
    field,
    note: rule.note ?? "",
    providers: {
      ssh: fieldColumns.ssh[field] ?? rule,
      wasm: fieldColumns.wasm[field] ?? rule,
      memory: fieldColumns.memory[field] ?? rule,
    },
  }));
}

/** Finds the row of a path such as `spec.volumes[].name`; undefined where there is none. */
export function rowFinder(
  table: readonly FieldRow[],
): (path: string) => FieldRow | undefined {
  const rows = new Map(
    table.flatMap((row) =>
      expandField(row.field).map((path) => [path, row] as const)
    ),
  );
  return (path) => {
    for (let at = path, exact = true; at !== ""; exact = false) {
      const row = (exact ? rows.get(at) : undefined) ?? rows.get(`${at}.*`);
      if (row !== undefined) return row;
      at = at.slice(0, Math.max(0, at.lastIndexOf(".")));
    }
    return undefined;
  };
}
