import assert from "node:assert/strict";
import { isCriticalPod } from "./critical_pod.ts";

const spec = { containers: [{ name: "a" }] };

Deno.test("isCriticalPod() is true of static pods and of system priorities only", () => {
  const annotated = (annotations: Record<string, string>) =>
    isCriticalPod({ metadata: { annotations }, spec });
  assert.equal(isCriticalPod({ spec }), false);
  assert.equal(annotated({ "kubernetes.io/config.source": "api" }), false);
  assert.equal(annotated({ "kubernetes.io/config.source": "file" }), true);
  assert.equal(annotated({ "kubernetes.io/config.mirror": "abc" }), true);
  const withPriority = (priority: number) =>
    isCriticalPod({ spec: { ...spec, priority } });
  assert.equal(withPriority(1_999_999_999), false);
  assert.equal(withPriority(2_000_000_000), true);
});
