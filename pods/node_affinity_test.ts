import assert from "node:assert/strict";
import type { Pod } from "../k8s/types.ts";
import { matchesNode } from "./node_affinity.ts";

const node = { name: "n1", labels: { disk: "ssd", cores: "8" } };

type Spec = Partial<NonNullable<Pod["spec"]>>;
type Term = NonNullable<
  NonNullable<
    NonNullable<NonNullable<Spec["affinity"]>["nodeAffinity"]>[
      "requiredDuringSchedulingIgnoredDuringExecution"
    ]
  >["nodeSelectorTerms"][number]
>;

function required(...nodeSelectorTerms: Term[]): Spec {
  return {
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms },
      },
    },
  };
}

function label(key: string, operator: string, ...values: string[]): Term {
  return { matchExpressions: [{ key, operator, values }] };
}

const table: readonly (readonly [string, Spec, boolean])[] = [
  ["nothing", {}, true],
  ["its labels", { nodeSelector: { disk: "ssd" } }, true],
  ["one label of others", { nodeSelector: { disk: "ssd", a: "b" } }, false],
  ["a label in a list", required(label("disk", "In", "hdd", "ssd")), true],
  ["a label in another list", required(label("disk", "In", "hdd")), false],
  ["a label not in a list", required(label("disk", "NotIn", "hdd")), true],
  ["a missing label not in a list", required(label("a", "NotIn", "b")), true],
  ["a label that exists", required(label("disk", "Exists")), true],
  ["no such label", required(label("disk", "DoesNotExist")), false],
  ["more than 4", required(label("cores", "Gt", "4")), true],
  ["less than 8", required(label("cores", "Lt", "8")), false],
  ["more of what is no number", required(label("disk", "Gt", "4")), false],
  [
    "its name",
    required({
      matchFields: [{ key: "metadata.name", operator: "In", values: ["n1"] }],
    }),
    true,
  ],
  [
    "one term of two",
    required(label("a", "Exists"), label("disk", "Exists")),
    true,
  ],
  ["an empty term", required({}), false],
];
for (const [claim, spec, want] of table) {
  Deno.test(`matchesNode() is ${want} for a pod that asks for ${claim}`, () => {
    assert.equal(
      matchesNode({ spec: { containers: [], ...spec } }, node),
      want,
    );
  });
}
