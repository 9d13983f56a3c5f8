import assert from "node:assert/strict";
import { GuestError } from "./guest_error.ts";
import { Fields } from "./http_fields.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function failure(call: () => void): unknown {
  try {
    call();
  } catch (error) {
    if (error instanceof GuestError) return error.payload;
    throw error;
  }
  return undefined;
}

Deno.test("Fields finds values whatever the case of a name", () => {
  const fields = Fields.fromList([["X-One", bytes("a")], [
    "x-one",
    bytes("b"),
  ]]);
  assert.deepEqual(fields.get("X-ONE"), [bytes("a"), bytes("b")]);
  fields.set("x-One", [bytes("c")]);
  assert.deepEqual(fields.entries(), [["x-One", bytes("c")]]);
  fields.delete("X-ONE");
  assert.equal(fields.has("x-one"), false);
});

Deno.test("Fields refuses bad names and values, and the connection's own", () => {
  const fields = new Fields();
  const invalid = { tag: "invalid-syntax" };
  assert.deepEqual(failure(() => fields.append("a b", bytes("1"))), invalid);
  assert.deepEqual(
    failure(() => fields.append("a", bytes("1\r\nb: 2"))),
    invalid,
  );
  const forbidden = { tag: "forbidden" };
  assert.deepEqual(
    failure(() => fields.append("Upgrade", bytes("x"))),
    forbidden,
  );
  assert.deepEqual(fields.entries(), []);
});

Deno.test("Fields of a message that came in cannot be changed, but their copy can", () => {
  const fields = Fields.ofHeaders(new Headers({ a: "1" }));
  assert.deepEqual(failure(() => fields.delete("a")), { tag: "immutable" });
  const copy = fields.clone();
  copy.delete("a");
  assert.equal(fields.has("a"), true);
  assert.equal(copy.has("a"), false);
});

Deno.test("Fields of a message that came in are without those of its connection", () => {
  const connection = { host: "h", connection: "close", te: "trailers" };
  const headers = { ...connection, "transfer-encoding": "chunked", a: "1" };
  const fields = Fields.ofHeaders(new Headers(headers));
  assert.deepEqual(fields.clone().toLines(), [["a", "1"]]);
});

Deno.test("Fields keeps the values that it has where a new one is bad", () => {
  const fields = Fields.fromList([["a", bytes("1")]]);
  assert.deepEqual(
    failure(() => fields.set("a", [bytes("2"), bytes("\n")])),
    { tag: "invalid-syntax" },
  );
  assert.deepEqual(fields.entries(), [["a", bytes("1")]]);
});

Deno.test("Fields takes a value of any length", () => {
  const text = "x".repeat(200_000);
  const fields = Fields.fromList([["a", bytes(text)]]);
  assert.deepEqual(fields.toLines(), [["a", text]]);
});
