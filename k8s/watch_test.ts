import fc from "fast-check";
import assert from "node:assert/strict";
import { ApiError } from "./errors.ts";
import type { ConfigMap } from "./types.ts";
import { type WatchEvent, watchEvents } from "./watch.ts";

const action = "GET /api/v1/configmaps";

async function read(
  ...chunks: readonly (string | Uint8Array<ArrayBuffer>)[]
): Promise<WatchEvent<ConfigMap>[]> {
  const stream = new Blob([...chunks]).stream();
  return await Array.fromAsync(watchEvents<ConfigMap>(stream, action));
}

function line(type: string, name: string): string {
  return `{"type":"${type}","object":{"metadata":{"name":"${name}"}}}\n`;
}

Deno.test("watchEvents() yields one event a line", async () => {
  const events = await read(line("ADDED", "a") + line("DELETED", "a"));
  assert.deepEqual(events, [
    { type: "ADDED", object: { metadata: { name: "a" } } },
    { type: "DELETED", object: { metadata: { name: "a" } } },
  ]);
});

Deno.test("watchEvents() does not care where chunks begin, also within a character", async () => {
  const names = ["a", "é", "日本", "🚀", 'quo\\"te'];
  const text = names.map((name) => line("MODIFIED", name)).join("");
  const bytes = new TextEncoder().encode(text);
  const want = await read(text);
  assert.equal(want.length, names.length);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(bytes.length)),
      async (cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
        const parts = at.slice(1).map((end, i) => bytes.slice(at[i], end));
        const stream = ReadableStream.from(parts);
        const got = await Array.fromAsync(watchEvents(stream, action));
        assert.deepEqual(got, want);
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("watchEvents() yields bookmarks as such", async () => {
  const [event] = await read(
    '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7"}}}\n',
  );
  assert.equal(event?.type, "BOOKMARK");
  assert.equal(event.object.metadata?.resourceVersion, "7");
});

Deno.test("watchEvents() throws an ERROR event as an ApiError with code and reason", async () => {
  const status = {
    kind: "Status",
    code: 410,
    reason: "Expired",
    message: "too old resource version",
  };
  const error = { type: "ERROR", object: status };
  await assert.rejects(read(JSON.stringify(error) + "\n"), (error) => {
    assert.ok(error instanceof ApiError);
    assert.equal(error.code, 410);
    assert.equal(error.reason, "Expired");
    assert.equal(
      error.message,
      "Cannot GET /api/v1/configmaps: 410 Expired: too old resource version",
    );
    return true;
  });
});

const garbled: [string, string | Uint8Array<ArrayBuffer>, RegExp][] = [
  ["that is not JSON", "{]\n", /not JSON/],
  ["that ends within an event", '{"type":"ADDED"', /ends within an event/],
  ["that is no event", '{"type":"ADDED"}\n', /no event/],
  ["that is null", "null\n", /no event/],
  ["with an unknown type", '{"type":"X","object":{}}\n', /type "X"/],
  ["that is not UTF-8", new Uint8Array([123, 255, 10]), /not UTF-8/],
  ["that ends within a character", new Uint8Array([0xf0, 0x9f]), /not UTF-8/],
];
for (const [name, text, want] of garbled) {
  Deno.test(`watchEvents() throws at a line ${name}, after the events before it`, async () => {
    const stream = new Blob([line("ADDED", "a"), text]).stream();
    const seen: string[] = [];
    await assert.rejects(async () => {
      for await (const { type } of watchEvents(stream, action)) seen.push(type);
    }, want);
    assert.ok(seen.length <= 1);
  });
}
