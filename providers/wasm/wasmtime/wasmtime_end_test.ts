import assert from "node:assert/strict";
import { wasmtimeReport } from "./wasmtime_end.ts";

/** As wasmtime 49 writes them. */
const trap = `guest's own words
Error: failed to run main module \`a.wasm\`

Caused by:
    0: failed to invoke command default
    1: error while executing at wasm backtrace:
    0:     0x23 - <unknown>!again
    1:     0x23 - <unknown>!again
    2: wasm trap: call stack exhausted

Stack backtrace:
   0: <wasmtime_internal_core::error::error::Error>::from_format_args
`;
const outOfMemory = `Error: failed to run main module \`a.wasm\`

Caused by:
    0: failed to invoke command default
    1: error while executing at wasm backtrace:
    0:     0x55 - <unknown>!<wasm function 1>
    2: forcing trap when growing memory to 20054016 bytes
`;
const notStarted = `Error: failed to run main module \`a.wasm\`

Caused by:
    0: failed to instantiate "a.wasm"
    1: unknown import: \`a::b\` has not been defined
`;

Deno.test("wasmtimeReport() finds the trap below the stack of the guest", () => {
  assert.deepEqual(wasmtimeReport(134, trap), {
    reason: "Trap",
    message: "call stack exhausted",
  });
});

Deno.test("wasmtimeReport() tells a full memory from other failures", () => {
  assert.equal(wasmtimeReport(1, outOfMemory)?.reason, "OOMKilled");
  assert.deepEqual(wasmtimeReport(1, notStarted), {
    reason: "StartError",
    message: "unknown import: `a::b` has not been defined",
  });
});

Deno.test("wasmtimeReport() leaves exit codes of the guest's own as they are", () => {
  assert.equal(wasmtimeReport(1, "cannot open file\n"), undefined);
  const rust = "Error: Os { code: 2, kind: NotFound }\n";
  assert.equal(wasmtimeReport(1, rust), undefined);
  assert.equal(wasmtimeReport(3, trap), undefined);
  assert.equal(wasmtimeReport(0, ""), undefined);
});
