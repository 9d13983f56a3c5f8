import assert from "node:assert/strict";
import { podArgument } from "./pod_argument.ts";

for (const text of ["web", "pod/web", "pods/web", "po/web", "Pod/web"]) {
  Deno.test(`podArgument() takes ${text} for the pod web`, () => {
    assert.equal(podArgument(text), "web");
  });
}

for (const text of ["", "/", "pod/", "/web", "pod/web/app", "deploy/web"]) {
  Deno.test(`podArgument() refuses "${text}"`, () => {
    assert.throws(() => podArgument(text), { name: "ConfigError" });
  });
}
