import assert from "node:assert/strict";
import type { Pod } from "../k8s/types.ts";
import { parseYaml } from "../async/yaml_file.ts";
import { explainPods } from "./explain_report.ts";
import { podTemplates } from "./pod_templates.ts";

function explained(
  text: string,
  provider: "ssh" | "wasm" | "memory" = "ssh",
): { readonly lines: readonly string[]; readonly accepted: boolean } {
  const spec = parseYaml(text, "test")[0] as Pod["spec"];
  const templates = [{ kind: "Pod", name: "p", pod: { spec } as Pod }];
  const { text: table, accepted } = explainPods(templates, {
    providers: [provider],
  });
  const lines = table.trimEnd().split("\n").slice(1)
    .map((line) => line.replaceAll(/ {2,}/g, " | "));
  return { lines, accepted };
}

Deno.test("explainPods() has a line for each field that the pod says something in", () => {
  const { lines, accepted } = explained(`
containers: [{ name: app, args: [a, b], resources: { requests: { cpu: 1 } } }]
volumes: [{ name: v, emptyDir: {} }]`);
  assert.deepEqual(lines, [
    "spec.containers[0].name | ok",
    "spec.containers[0].args | ok | with `$(NAME)` expanded",
    "spec.containers[0].resources.requests[cpu] | ok",
    "spec.volumes[0].name | ok",
    "spec.volumes[0].emptyDir | ok",
  ]);
  assert.equal(accepted, true);
});

Deno.test("explainPods() says which value a node refuses, and takes others of the same field", () => {
  const text = `
hostUsers: false
containers: [{ securityContext: { procMount: Default } }]`;
  assert.deepEqual(explained(text), {
    lines: [
      "spec.hostUsers | refused | the engine maps the users of all containers in the same way",
      "spec.containers[0].securityContext.procMount | ok",
    ],
    accepted: false,
  });
  assert.equal(explained(text, "memory").accepted, true);
  assert.match(explained(text, "wasm").lines[0] ?? "", /\| ignored \|/);
});

Deno.test("explainPods() tells what only some hosts refuse, and what is no field at all", () => {
  const { lines, accepted } = explained(`
hostNetwrk: true
containers: [{ securityContext: { privileged: true } }]`);
  assert.deepEqual(lines, [
    "spec.hostNetwrk | unknown | no field of a Pod",
    "spec.containers[0].securityContext.privileged | depends | refused on some hosts: a rootless engine has no privileges of the host to give",
  ]);
  assert.equal(accepted, true);
});

Deno.test("explainPods() does not tell of what the API server adds to the metadata", () => {
  const text = `{kind: Pod, metadata: {name: p, uid: u, resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z', generation: 1, managedFields: [{manager: x}],
    annotations: {kubectl.kubernetes.io/last-applied-configuration: x, a: b}},
    spec: {containers: []}}`;
  const { text: table } = explainPods(
    podTemplates(parseYaml(text, "x"), "x"),
    { providers: ["ssh"] },
  );
  const fields = table.trimEnd().split("\n").slice(1)
    .map((line) => line.split(" ")[0]);
  assert.deepEqual(fields, ["metadata.name", "metadata.annotations[a]"]);
});

Deno.test("explainPods() compares providers and prints JSON for programs", () => {
  const templates = podTemplates(
    parseYaml(
      "{kind: Pod, metadata: {name: p}, spec: {containers: [], hostIPC: true}}",
      "x",
    ),
    "x",
  );
  const { text, accepted } = explainPods(templates, {
    providers: ["ssh", "wasm"],
    format: "json",
  });
  assert.equal(accepted, true);
  const { pods: [pod] } = JSON.parse(text);
  assert.deepEqual([pod.kind, pod.name], ["Pod", "p"]);
  const last = pod.fields.at(-1);
  assert.equal(last.field, "spec.hostIPC");
  assert.equal(last.providers.ssh.support, "ok");
  assert.equal(last.providers.wasm.support, "refused");
});

Deno.test("podTemplates() finds the pods of everything that makes pods", () => {
  const spec = "{ containers: [] }";
  const found = podTemplates(
    parseYaml(
      `
kind: Service
---
kind: List
items:
- { kind: Deployment, metadata: { name: d }, spec: { template: { spec: ${spec} } } }
- { kind: CronJob, metadata: { name: c }, spec: { jobTemplate: { spec: { template: { spec: ${spec} } } } } }
---
{ kind: Pod, metadata: { name: p }, spec: ${spec} }`,
      "test",
    ),
    "test",
  );
  assert.deepEqual(
    found.map(({ kind, name, pod }) => [kind, name, pod.spec]),
    [["Deployment", "d"], ["CronJob", "c"], ["Pod", "p"]].map((each) => [
      ...each,
      { containers: [] },
    ]),
  );
});

Deno.test("podTemplates() says what a manifest without pods lacks", () => {
  assert.throws(
    () => podTemplates([{ kind: "Service" }], "svc.yaml"),
    /^ConfigError: Cannot explain svc\.yaml: there is nothing in it that is a Pod or makes Pods; these do: Pod, /,
  );
  const bare = { kind: "Job", metadata: { name: "j" }, spec: {} };
  assert.throws(
    () => podTemplates([bare], "job.yaml"),
    /Cannot explain job\.yaml \(Job j\): spec\.template\.spec\.containers is missing$/,
  );
});
