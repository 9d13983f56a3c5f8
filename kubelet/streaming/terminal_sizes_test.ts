import assert from "node:assert/strict";
import { TerminalSizes } from "./terminal_sizes.ts";

const encode = (text: string) => new TextEncoder().encode(text);

Deno.test("TerminalSizes decodes sizes however they are cut", async () => {
  const text = '{"Width":80,"Height":24}\n{"Height":45, "Width":123}';
  for (let cut = 1; cut < text.length; cut++) {
    const sizes = new TerminalSizes();
    const read: unknown[] = [];
    const reading = (async () => {
      for await (const size of sizes.readable) read.push(size);
    })();
    for (let at = 0; at < text.length; at += cut) {
      sizes.feed(encode(text.slice(at, at + cut)));
      await Promise.resolve();
      await Promise.resolve();
    }
    sizes.end();
    await reading;
    assert.deepEqual(read.at(-1), { columns: 123, rows: 45 });
  }
});

Deno.test("TerminalSizes keeps only the newest size for who does not read", async () => {
  const sizes = new TerminalSizes();
  for (let width = 1; width <= 1000; width++) {
    sizes.feed(encode(`{"Width":${width},"Height":1}`));
  }
  sizes.end();
  sizes.end();
  const read = await Array.fromAsync(sizes.readable);
  assert.deepEqual(read, [{ columns: 1000, rows: 1 }]);
});

Deno.test("TerminalSizes hands out a size as soon as it comes", async () => {
  const sizes = new TerminalSizes();
  const reader = sizes.readable.getReader();
  for (const rows of [1, 2, 3]) {
    const next = reader.read();
    sizes.feed(encode(`{"Width":80,"Height":${rows}}`));
    assert.deepEqual((await next).value, { columns: 80, rows });
  }
  sizes.end();
  assert.equal((await reader.read()).done, true);
});

Deno.test("TerminalSizes drops a terminal without rows or columns", async () => {
  const sizes = new TerminalSizes();
  sizes.feed(encode('{"Width":80,"Height":24}{"Width":0,"Height":5}{}'));
  sizes.end();
  const read = await Array.fromAsync(sizes.readable);
  assert.deepEqual(read, [{ columns: 80, rows: 24 }]);
});

for (
  const text of [
    "}",
    '{"Width":"80","Height":24}',
    '{"Width":80,"Height":-1}',
    '{"Width":70000,"Height":24}',
    '{"Width":1.5,"Height":24}',
    "x".repeat(5000),
  ]
) {
  Deno.test(`TerminalSizes ends at ${text.slice(0, 40)}`, async () => {
    const sizes = new TerminalSizes();
    sizes.feed(encode(text));
    sizes.feed(encode('{"Width":80,"Height":24}'));
    assert.deepEqual(await Array.fromAsync(sizes.readable), []);
  });
}

Deno.test("TerminalSizes takes nothing more once nobody wants it", async () => {
  const sizes = new TerminalSizes();
  await sizes.readable.cancel();
  sizes.feed(encode('{"Width":80,"Height":24}'));
  sizes.end();
});
