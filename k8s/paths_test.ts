import assert from "node:assert/strict";
import { apiPath, withQuery } from "./paths.ts";

const cases: [string, string][] = [
  [apiPath("v1", "nodes"), "/api/v1/nodes"],
  [apiPath("v1", "nodes", { name: "edge-1" }), "/api/v1/nodes/edge-1"],
  [
    apiPath("v1", "pods", {
      namespace: "shop",
      name: "web",
      subresource: "status",
    }),
    "/api/v1/namespaces/shop/pods/web/status",
  ],
  [
    apiPath("coordination.k8s.io/v1", "leases", {
      namespace: "kube-node-lease",
    }),
    "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases",
  ],
  [
    apiPath("v1", "nodes", { name: "a/../b?c" }),
    "/api/v1/nodes/a%2F..%2Fb%3Fc",
  ],
];

for (const [got, want] of cases) {
  Deno.test(`apiPath() makes ${want}`, () => assert.equal(got, want));
}

Deno.test("withQuery() escapes values and leaves out undefined ones", () => {
  assert.equal(
    withQuery("/x", { fieldSelector: "a=b&c", watch: true, limit: undefined }),
    "/x?fieldSelector=a%3Db%26c&watch=true",
  );
  assert.equal(withQuery("/x", { limit: undefined }), "/x");
});
