/**
 * Prints every field of a Pod that somebody may set, one path a line with its type, from the
 * OpenAPI document of an API server, for `tests/testdata/pod_fields.txt`:
 *
 *     kubectl get --raw /openapi/v3/api/v1 | deno run tools/pod_field_paths.ts
 */
interface Schema {
  readonly $ref?: string;
  readonly allOf?: readonly Schema[];
  readonly type?: string;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
}

const schemas: Readonly<Record<string, Schema>> =
  (await new Response(Deno.stdin.readable).json()).components.schemas;

const paths = [
  ...fields("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", "metadata"),
  ...fields("io.k8s.api.core.v1.PodSpec", "spec"),
];
await Deno.stdout.write(new TextEncoder().encode(`${paths.join("\n")}\n`));

/** The fields of a schema and of those that it is made of; none that cannot be named refers to itself. */
function fields(name: string, at: string): readonly string[] {
  return Object.entries(schemas[name]?.properties ?? {}).flatMap(
    ([field, schema]) => {
      const [inner, suffix] = schema.items
        ? [schema.items, "[]"]
        : schema.additionalProperties
        ? [schema.additionalProperties, "{}"]
        : [schema, ""];
      const path = `${at}.${field}${suffix}`;
      const target = referred(inner);
      const isObject = target !== undefined &&
        schemas[target]?.properties !== undefined;
      const type = isObject ? "object" : inner.type ?? "string";
      return [
        `${path} ${type}`,
        ...(isObject ? fields(target, path) : []),
      ];
    },
  );
}

function referred({ $ref, allOf = [] }: Schema): string | undefined {
  return $ref?.split("/").at(-1) ??
    allOf.map(referred).find((name) => name !== undefined);
}
