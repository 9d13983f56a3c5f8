// deno-lint-ignore-file no-non-null-assertion
import assert from "node:assert/strict";
import { type NodeConfig, nodeConfigProblems } from "./node_config.ts";

const config: NodeConfig = {
  name: "edge-7.example",
  version: "0.1.0",
  addresses: ["10.0.0.5", "fd00::5"],
  kubeletPort: 10250,
  labels: {
    zone: "a",
    empty: "",
    "example.com/x": "y",
    "node-role.kubernetes.io/edge": "",
    "node.kubernetes.io/instance-type": "rpi5",
  },
  annotations: { "example.com/any": "thing: at, all" },
  taints: [
    { key: "a", effect: "NoSchedule" },
    { key: "a", effect: "NoExecute" },
    { key: "example.com/b", value: "c", effect: "PreferNoSchedule" },
  ],
};

Deno.test("nodeConfigProblems() finds none in a good configuration", () => {
  assert.deepEqual(nodeConfigProblems(config), []);
});

const rows: [string, Partial<NodeConfig>, string][] = [
  ["a name in capitals", { name: "Edge" }, "name"],
  ["a name too long", { name: "a".repeat(254) }, "name"],
  ["a host name as address", { addresses: ["edge"] }, "addresses[0]"],
  ["an address out of range", { addresses: ["10.0.0.256"] }, "addresses[0]"],
  [
    "the second address",
    { addresses: ["10.0.0.2", "x:y"] },
    "addresses[1]",
  ],
  ["port 0", { kubeletPort: 0 }, "kubeletPort"],
  ["a label of farlet's", { labels: { type: "x" } }, 'labels["type"]'],
  ["a label value with a space", { labels: { a: "b c" } }, 'labels["a"]'],
  ["a label key with two slashes", { labels: { "a/b/c": "" } }, "labels"],
  [
    "a label kept from nodes",
    { labels: { "x.node-restriction.kubernetes.io/y": "z" } },
    "labels",
  ],
  ["an annotation without name", { annotations: { "a/": "" } }, "annotations"],
  [
    "an unknown effect",
    { taints: [{ key: "a", effect: "Never" }] },
    "taints[0]",
  ],
  [
    "a taint given twice",
    {
      taints: [
        { key: "a", value: "1", effect: "NoSchedule" },
        { key: "a", value: "2", effect: "NoSchedule" },
      ],
    },
    "taints[1]",
  ],
];

for (const [what, change, field] of rows) {
  Deno.test(`nodeConfigProblems() finds ${what}`, () => {
    const problems = nodeConfigProblems({ ...config, ...change });
    assert.equal(problems.length, 1, JSON.stringify(problems));
    assert.ok(problems[0]!.field.startsWith(field), problems[0]!.field);
  });
}
