import assert from "node:assert/strict";
import type { WasmtimeSpec } from "./wasmtime_arguments.ts";
import { wasmtimeProblem } from "./wasmtime_problem.ts";

const spec: WasmtimeSpec = {
  module: "/store/a.wasm",
  wasmtime: {
    ...{ program: "/bin/wasmtime", code: "/store/a.cwasm", kind: "module" },
    returning: ["status"],
  },
  args: ["app"],
  env: { PATH: "/bin", RUST_LOG: "info" },
  preopens: [],
  stdin: false,
  parentPid: 1,
};
const command = { ...spec.wasmtime, kind: "command" } as const;
const listener = { hostname: "127.0.0.1", port: 8080 };
const everywhere = ["*", "0.0.0.0/0", "::/0"];
const readOnly = { guestPath: "/a", hostPath: "/a", readOnly: true };

/** What is asked for, and what of it is named as impossible; undefined where nothing is. */
const cases: readonly (readonly [
  string,
  Partial<WasmtimeSpec>,
  RegExp | undefined,
])[] = [
  ["a plain guest", {}, undefined],
  ["variables of the linker", { env: { LD_PRELOAD: "x" } }, /^env LD_PRELOAD/],
  ["a terminal", { tty: true }, /^tty: /],
  [
    "a path that it would split",
    { preopens: [{ ...readOnly, readOnly: false, guestPath: "/a::b" }] },
    /^volumeMounts "\/a::b": /,
  ],
  ["a read-only directory", { preopens: [readOnly] }, undefined],
  ["a listener", { listeners: [listener] }, undefined],
  [
    "a hostPort",
    {
      listeners: [listener, {
        hostname: "10.0.0.1",
        port: 80,
        containerPort: 8080,
      }],
    },
    /no hostPort/,
  ],
  [
    "a low port for a user",
    {
      listeners: [{ ...listener, port: 80 }],
      user: { uid: 5, gid: 5, groups: [] },
    },
    /may not on port 80/,
  ],
  [
    "a listener of a component",
    { wasmtime: command, listeners: [listener] },
    /^ports: /,
  ],
  [
    "some servers",
    { wasmtime: command, allowedHosts: ["example.com"] },
    /allowed-hosts: wasmtime allows either nothing or/,
  ],
  [
    "all servers",
    { wasmtime: command, allowedHosts: everywhere },
    undefined,
  ],
  ["all servers for a module", { allowedHosts: everywhere }, /no sockets/],
  [
    "an export that returns something",
    { exec: true, args: ["status"] },
    /^exec: .* "status"/,
  ],
  [
    "another export of a component",
    { wasmtime: command, args: ["a.wasm#b"] },
    /no other export/,
  ],
  [
    "idle instances",
    { http: { poolSize: 2, maxInvocations: 9, maxConcurrency: 9 } },
    /^poolSize: /,
  ],
];

for (const [what, more, expected] of cases) {
  const answer = expected === undefined ? "allows" : "refuses";
  Deno.test(`wasmtimeProblem() ${answer} ${what}`, () => {
    const problem = wasmtimeProblem({ ...spec, ...more }, { isRoot: true });
    if (expected === undefined) assert.equal(problem, undefined);
    else assert.match(problem ?? "", expected);
  });
}

Deno.test("wasmtimeProblem() refuses read-only directories where nobody could mount them", () => {
  const problem = wasmtimeProblem(
    { ...spec, preopens: [readOnly] },
    { isRoot: false },
  );
  assert.match(problem ?? "", /^volumeMounts: /);
});
