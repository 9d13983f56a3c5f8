import type { Pod } from "../k8s/types.ts";
import {
  fieldTable,
  type ProviderName,
  rowFinder,
} from "../pod_field_table.ts";
import { type PodVerdict, podVerdict } from "../provider_fields.ts";
import {
  expandField,
  type FieldSupport,
  isSet,
  type Support,
} from "../providers/pod_field.ts";
import type { Refusal } from "../providers/provider.ts";
import type { HostTraits } from "../providers/ssh/refusals.ts";

/** What becomes of one field of a pod. */
export interface ExplainedField {
  /** As in the pod, such as `spec.containers[0].image`. */
  readonly field: string;
  /** By provider; `unknown` for what is no field of a Pod. */
  readonly providers: Readonly<
    Partial<
      Record<
        ProviderName,
        { readonly support: Support | "unknown"; readonly note: string }
      >
    >
  >;
}

/** Explains pods; the table is read once. */
export class PodExplainer {
  readonly #rowOf;
  /** Maps such as `metadata.labels{}`, whose keys are no fields. */
  readonly #maps: ReadonlySet<string>;

  constructor() {
    const table = fieldTable();
    this.#rowOf = rowFinder(table);
    const paths = table.flatMap(({ field }) => expandField(field));
    this.#maps = new Set(paths.filter((path) => path.endsWith("{}")));
  }

  /** Every field that the pod says something in, in its order, for each of the providers. */
  explain(
    { metadata, spec }: Pod,
    providers: readonly ProviderName[],
  ): readonly ExplainedField[] {
    const pod = (
      metadata === undefined ? { spec } : { metadata: written(metadata), spec }
    ) as Pod;
    const verdicts = providers.map((name) =>
      [name, {
        ...podVerdict(pod, name),
        atWorst: podVerdict(pod, name, leastOfHosts).refused,
      }] as const
    );
    return this.#leaves(pod, "", "").map(([field, path]) => ({
      field,
      providers: Object.fromEntries(verdicts.map(([name, verdict]) => {
        const row = this.#rowOf(path)?.providers[name];
        return [name, outcome(field, row, verdict)];
      })),
    }));
  }

  /** The path of each value of the pod, with the one in the table. */
  #leaves(
    value: unknown,
    field: string,
    path: string,
  ): readonly (readonly [field: string, path: string])[] {
    if (!isSet(value)) {
      // An emptyDir that says nothing says that it is one.
      const says = value !== undefined && value !== null && path !== "";
      return says && !Array.isArray(value) ? [[field, path]] : [];
    }
    const isList = Array.isArray(value) &&
      value.every((item) => typeof item !== "object");
    if (typeof value !== "object" || isList) return [[field, path]];
    const isMap = this.#maps.has(`${path}{}`);
    return Object.entries(value ?? {}).flatMap(([key, inner]) => {
      if (Array.isArray(value)) {
        return this.#leaves(inner, `${field}[${key}]`, path);
      }
      if (isMap) return this.#leaves(inner, `${field}[${key}]`, `${path}{}`);
      const list = Array.isArray(inner) ? "[]" : "";
      const before = path === "" ? "" : ".";
      return this.#leaves(
        inner,
        `${field}${before}${key}`,
        `${path}${before}${key}${list}`,
      );
    });
  }
}

/** Metadata without what the API server and kubectl add: nobody asks a node for that. */
function written(metadata: ObjectMeta): ObjectMeta {
  const {
    creationTimestamp: _creationTimestamp,
    generateName: _generateName,
    generation: _generation,
    managedFields: _managedFields,
    resourceVersion: _resourceVersion,
    selfLink: _selfLink,
    uid: _uid,
    annotations = {},
    ...rest
  } = metadata;
  const { [lastApplied]: _lastApplied, ...others } = annotations;
  return Object.keys(others).length === 0
    ? rest
    : { ...rest, annotations: others };
}

type ObjectMeta = NonNullable<Pod["metadata"]>;

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

/** Refuses whatever some host does. */
const leastOfHosts: HostTraits = {
  rootless: true,
  cgroupVersion: 1,
  mounts: false,
};

/** What the provider says of this very pod counts before what the table says of the field. */
function outcome(
  field: string,
  row: FieldSupport | undefined,
  { refused, ignored, atWorst }: PodVerdict & {
    readonly atWorst: readonly Refusal[];
  },
): { readonly support: Support | "unknown"; readonly note: string } {
  const about = (list: readonly Refusal[]) =>
    list.find((each) => isWithin(field, each.field));
  const refusal = about(refused);
  if (refusal) return { support: "refused", note: refusal.message };
  if (row === undefined) {
    return { support: "unknown", note: "no field of a Pod" };
  }
  const warning = about(ignored);
  if (warning) return { support: "ignored", note: warning.message };
  const { support, note = "" } = row;
  const host = support === "depends" ? about(atWorst) : undefined;
  if (host) return { support, note: `refused on some hosts: ${host.message}` };
  switch (support) {
    case "refused":
    case "ignored":
    case "depends":
      return { support: "ok", note: "" }; // this value is
    case "ok":
    case "emulated":
    case "elsewhere":
      return { support, note };
  }
}

function isWithin(field: string, whole: string): boolean {
  return field === whole || field.startsWith(`${whole}.`) ||
    field.startsWith(`${whole}[`);
}
