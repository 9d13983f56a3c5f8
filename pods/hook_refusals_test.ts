import assert from "node:assert/strict";
import type { Container } from "../k8s/types.ts";
import { hookRefusals } from "./hook_refusals.ts";
import type { HookRuntime } from "./hooks.ts";

const exec = () => Promise.resolve(0);
const dial = () => Promise.reject(new Error("not here"));
const portForward = dial;
const hooked: Container["lifecycle"] = {
  postStart: { exec: { command: ["true"] } },
  preStop: { httpGet: { port: 80 } },
};
const elsewhere: Container["lifecycle"] = {
  preStop: { httpGet: { port: 80, host: "192.0.2.1" } },
};
const harmless = {
  postStart: { sleep: { seconds: 1 } },
  preStop: { tcpSocket: { port: 80 } },
} as Container["lifecycle"] & object;

const cases: readonly [
  claim: string,
  lifecycle: Container["lifecycle"],
  runtime: HookRuntime,
  fields: readonly string[],
][] = [
  ["nothing of what works", hooked, { exec, portForward }, []],
  ["what a runtime has no way to run", hooked, {}, [
    "spec.containers[0].lifecycle.postStart.exec",
    "spec.containers[0].lifecycle.preStop.httpGet",
  ]],
  ["another host where only pods can be reached", elsewhere, { portForward }, [
    "spec.containers[0].lifecycle.preStop.httpGet.host",
  ]],
  ["no host where all can be reached", elsewhere, { dial }, []],
  ["nothing of what needs no runtime", harmless, {}, []],
];

for (const [claim, lifecycle, runtime, fields] of cases) {
  Deno.test(`hookRefusals() names ${claim}`, () => {
    const container = { name: "app", ...(lifecycle && { lifecycle }) };
    const pod = { spec: { containers: [container] } };
    assert.deepEqual(
      hookRefusals(pod, runtime).map(({ field }) => field),
      fields,
    );
  });
}
