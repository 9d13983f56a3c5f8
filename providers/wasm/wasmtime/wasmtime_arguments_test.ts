import assert from "node:assert/strict";
import { wasmtimeArguments, type WasmtimeSpec } from "./wasmtime_arguments.ts";

const module: WasmtimeSpec = {
  module: "/store/a.wasm",
  wasmtime: {
    ...{ program: "/bin/wasmtime", code: "/store/a.cwasm", kind: "module" },
    callable: ["hello"],
  },
  args: ["app", "--dir", "x"],
  env: { TOKEN: "hush-hush" },
  preopens: [{ guestPath: "/data", hostPath: "/srv", readOnly: false }],
  stdin: false,
  memoryLimitBytes: 65536,
  parentPid: 1,
};
const files = { code: "/proc/self/fd/4", directories: ["/proc/self/fd/5"] };

function argumentsOf(more: Partial<WasmtimeSpec> = {}): string {
  return wasmtimeArguments({ ...module, ...more }, files).join(" ");
}

Deno.test("wasmtimeArguments() names variables, and takes no word of the guest's for an option", () => {
  const text = argumentsOf();
  assert.match(text, /^run .* --env TOKEN --dir \/proc\/self\/fd\/5::\/data /);
  assert.match(text, /max-memory-size=65536,trap-on-grow-failure=y/);
  assert.match(text, /inherit-stdin=n -- \/proc\/self\/fd\/4 --dir x$/);
  assert.doesNotMatch(text, /hush-hush|inherit-network/);
});

Deno.test("wasmtimeArguments() calls the export that a command of exec names", () => {
  const text = argumentsOf({ exec: true, args: ["hello", "x"] });
  assert.match(text, /--invoke hello -- \/proc\/self\/fd\/4$/);
  assert.doesNotMatch(argumentsOf({ args: ["hello"] }), /--invoke/);
});

Deno.test("wasmtimeArguments() gives a module its listeners, and an exec none", () => {
  const listeners = [
    { hostname: "::1", port: 8080, name: "web" },
    { hostname: "127.0.0.1", port: 9090 },
  ];
  const text = argumentsOf({ listeners });
  assert.match(text, /tcplisten=\[::1\]:8080 -S tcplisten=127\.0\.0\.1:9090/);
  assert.match(text, /LISTEN_FDS=2 --env LISTEN_FDNAMES=web:unknown/);
  const exec = argumentsOf({ listeners, exec: true, args: ["app"] });
  assert.doesNotMatch(exec, /tcplisten|LISTEN_FDS/);
});

Deno.test("wasmtimeArguments() serves a component that answers requests", () => {
  const text = argumentsOf({
    wasmtime: { ...module.wasmtime, kind: "http" },
    listeners: [{ hostname: "10.0.0.1", port: 80 }],
    http: { poolSize: 0, maxInvocations: 5, maxConcurrency: 7 },
  });
  assert.match(text, /^serve .* --addr 10\.0\.0\.1:80 /);
  assert.match(
    text,
    /--max-instance-reuse-count 5 --max-concurrent-requests 7/,
  );
  assert.match(text, / \/proc\/self\/fd\/4$/);
});
