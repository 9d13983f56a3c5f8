import assert from "node:assert/strict";
import { guestModule } from "../../tests/run_guest.ts";
import { checkModule } from "./module_check.ts";

function message(bytes: Uint8Array, entry?: string): string {
  const check = checkModule(bytes, entry);
  assert.equal(check.kind, "invalid");
  return check.message;
}

function load(name: string): Uint8Array {
  return Deno.readFileSync(guestModule(name));
}

const programs = ["guest", "files", "attacks", "hoard", "managed"];
for (const name of [...programs, "sockets", "old_snapshot", "preview1"]) {
  Deno.test(`checkModule() accepts ${name}.wasm`, () => {
    assert.deepEqual(checkModule(load(name)), { kind: "ok" });
  });
}

Deno.test("checkModule() names the imports that WASI preview 1 does not have", () => {
  assert.equal(
    message(load("unknown_imports")),
    "module imports env.foo, wasi_snapshot_preview1.sock_teleport, env.memory, which WASI preview 1 does not have",
  );
});

Deno.test("checkModule() says what a library lacks", () => {
  assert.match(message(load("library")), /exports no function _start/);
});

Deno.test("checkModule() takes another export for the entry, or says which there are", () => {
  const exports = load("exports");
  assert.deepEqual(checkModule(exports, "status"), { kind: "ok" });
  assert.match(
    message(exports, "nothing"),
    /^module has no export "nothing" that is a function without parameters: it exports /,
  );
});

Deno.test("checkModule() knows a program for Linux, and says what runs it", () => {
  const elf = new TextEncoder().encode("\x7fELF\x02\x01\x01\x00");
  assert.match(message(elf), /program for Linux .* an ordinary node runs/);
});

Deno.test("checkModule() says how something that is no WebAssembly begins", () => {
  assert.equal(
    message(new TextEncoder().encode("#!/bin/sh\n")),
    "module is not WebAssembly: it begins with 23 21 2f 62 69 6e 2f 73",
  );
  assert.match(message(new Uint8Array(0)), /begins with nothing/);
});

Deno.test("checkModule() never throws, wherever a module is cut off", () => {
  const bytes = load("instructions");
  for (let length = 0; length < bytes.length; length++) {
    checkModule(bytes.subarray(0, length));
  }
  assert.equal(
    message(bytes.subarray(0, bytes.length - 1)),
    "module is corrupt: it ends in the middle",
  );
});

Deno.test("checkModule() never throws, whatever byte of a module is wrong", () => {
  const bytes = load("unknown_imports");
  for (let at = 0; at < bytes.length; at++) {
    for (const value of [0x00, 0x7f, 0x80, 0xff]) {
      checkModule(bytes.with(at, value));
    }
  }
});
