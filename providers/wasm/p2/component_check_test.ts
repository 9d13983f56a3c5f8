import assert from "node:assert/strict";
import { checkComponent } from "./component_check.ts";

function load(name: string): Uint8Array<ArrayBuffer> {
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

Deno.test("checkComponent() names interfaces that are missing, and the functions of others", () => {
  const message = (name: string) => {
    const check = checkComponent(load(name));
    return check.kind === "invalid" ? check.message : "";
  };
  assert.match(
    message("lacking"),
    /^component imports farlet:tests\/one, farlet:tests\/two, which/,
  );
  assert.match(message("library"), /it is a library, not a program$/);
});

Deno.test("checkComponent() takes a function without parameters for an entry", () => {
  const command = { kind: "component", world: "command" };
  for (const entry of ["farlet:tests/one#call", "farlet:tests/one"]) {
    assert.deepEqual(checkComponent(load("library"), entry), command);
  }
  const check = checkComponent(load("server"), "handle");
  assert.match(
    check.kind === "invalid" ? check.message : "",
    /^component has no export "handle" .*: none of its exports can be called$/,
  );
});
