import assert from "node:assert/strict";
import { checkComponent } from "./component_check.ts";
import { readComponent } from "./component_outline.ts";

function load(name: string): Uint8Array {
  const path = `../../../tests/guests/components/${name}.wasm`;
  return Deno.readFileSync(new URL(path, import.meta.url));
}

Deno.test("checkComponent() knows commands and servers by what they export", () => {
  const command = { kind: "component", world: "command" };
  assert.deepEqual(checkComponent(load("guest")), command);
  assert.deepEqual(checkComponent(load("failing")), command);
  const server = { kind: "component", world: "http" };
  assert.deepEqual(checkComponent(load("server")), server);
});

Deno.test("checkComponent() refuses a component that is cut off", () => {
  const whole = load("guest");
  const check = checkComponent(whole.subarray(0, whole.length - 10));
  assert.equal(check.kind, "invalid");
  assert.match(check.kind === "invalid" ? check.message : "", /is corrupt/);
});

Deno.test("readComponent() names imports and exports with their versions", () => {
  const { imports, exports } = readComponent(load("server"));
  assert.ok(imports.includes("wasi:http/types@0.2.6"));
  assert.ok(imports.includes("wasi:http/outgoing-handler@0.2.6"));
  assert.deepEqual(exports, ["wasi:http/incoming-handler@0.2.6"]);
  assert.deepEqual(readComponent(load("lacking")).imports, [
    "farlet:tests/one",
    "farlet:tests/two",
  ]);
});
