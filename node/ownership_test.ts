// deno-lint-ignore-file no-non-null-assertion
import assert from "node:assert/strict";
import type { Node, Taint } from "../k8s/types.ts";
import {
  isOwned,
  metadataPatch,
  ownershipAnnotations,
  taintsPatch,
  withOwnership,
} from "./ownership.ts";

const ours: Taint = { key: "p", value: "wasm", effect: "NoSchedule" };
const theirs: Taint = { key: "maintenance", effect: "NoExecute" };
const controllers: Taint = {
  key: "node.kubernetes.io/unreachable",
  effect: "NoExecute",
};

function owned(
  { labels = {}, annotations = {}, taints = [] }: {
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    taints?: Taint[];
  },
): Node {
  return withOwnership({
    metadata: { name: "n", labels, annotations },
    spec: { taints },
  });
}

/** `node` as it is after someone else has added to it. */
function touched(
  node: Node,
  { labels = {}, taints = [] }: {
    labels?: Record<string, string>;
    taints?: Taint[];
  },
): Node {
  return {
    ...node,
    metadata: {
      ...node.metadata,
      resourceVersion: "7",
      labels: { ...node.metadata?.labels, ...labels },
    },
    spec: {
      unschedulable: true,
      taints: [...node.spec?.taints ?? [], ...taints],
    },
  };
}

Deno.test("isOwned() tells a Node of farlet from others", () => {
  assert.ok(isOwned(owned({})));
  assert.ok(!isOwned({ metadata: { name: "n" } }));
});

Deno.test("metadataPatch() is undefined when nothing changed", () => {
  const node = owned({ labels: { a: "1" }, annotations: { x: "y" } });
  assert.equal(
    metadataPatch(touched(node, { labels: { b: "2" } }), node),
    undefined,
  );
});

Deno.test("metadataPatch() changes, adds and removes farlet's own labels only", () => {
  const before = owned({ labels: { a: "1", gone: "1", kept: "1" } });
  const current = touched(before, { labels: { theirs: "1", kept: "2" } });
  const patch = metadataPatch(current, owned({ labels: { a: "2", b: "1" } }));
  assert.deepEqual(patch?.metadata.labels, { a: "2", b: "1", gone: null });
});

Deno.test("metadataPatch() removes an annotation that farlet does not want any more", () => {
  const current = owned({ annotations: { x: "1", y: "2" } });
  const patch = metadataPatch(current, owned({ annotations: { y: "3" } }));
  assert.deepEqual(patch?.metadata.annotations, {
    x: null,
    y: "3",
    [ownershipAnnotations.annotations]: "y",
  });
});

Deno.test("metadataPatch() leaves the taints' list to taintsPatch()", () => {
  const patch = metadataPatch(owned({}), owned({ taints: [ours] }));
  assert.equal(patch, undefined);
});

Deno.test("metadataPatch() sets a provider ID once and never changes it", () => {
  const wanted = { ...owned({}), spec: { providerID: "new" } };
  assert.deepEqual(metadataPatch(owned({}), wanted)?.spec, {
    providerID: "new",
  });
  const current = { ...owned({}), spec: { providerID: "old" } };
  assert.equal(metadataPatch(current, wanted), undefined);
});

Deno.test("taintsPatch() is undefined when farlet's taints are there, in any order", () => {
  const node = owned({ taints: [ours] });
  const current = touched(node, { taints: [theirs] });
  current.spec!.taints!.reverse();
  assert.equal(taintsPatch(current, node), undefined);
});

Deno.test("taintsPatch() replaces farlet's taint and keeps the others", () => {
  const current = touched(owned({ taints: [ours] }), {
    taints: [theirs, controllers],
  });
  const changed = { ...ours, effect: "NoExecute" };
  const patch = taintsPatch(current, owned({ taints: [changed] }));
  assert.deepEqual(patch?.spec.taints, [changed, theirs, controllers]);
  assert.equal(patch?.metadata.resourceVersion, "7");
});

Deno.test("taintsPatch() takes farlet's taint back when it is not wanted any more", () => {
  const current = touched(owned({ taints: [ours] }), { taints: [theirs] });
  const patch = taintsPatch(current, owned({}));
  assert.deepEqual(patch?.spec.taints, [theirs]);
});

Deno.test("taintsPatch() keeps a taint of farlet's that an operator gave another value", () => {
  const current = owned({ taints: [ours] });
  current.spec!.taints = [{ ...ours, value: "mine" }];
  const patch = taintsPatch(current, owned({}));
  assert.deepEqual(patch?.spec.taints, [{ ...ours, value: "mine" }]);
});

Deno.test("taintsPatch() takes on a taint that an adopted Node has already", () => {
  const current = { metadata: { name: "n" }, spec: { taints: [ours] } };
  const patch = taintsPatch(current, owned({ taints: [ours] }));
  assert.deepEqual(patch?.spec.taints, [ours]);
  assert.deepEqual(patch?.metadata.annotations, {
    [ownershipAnnotations.taints]: "p=wasm:NoSchedule",
  });
});
