import assert from "node:assert/strict";
import { InputQueue } from "./input_queue.ts";

const piece = new Uint8Array(100 * 1024);

Deno.test("InputQueue makes its sender wait until there is room", async () => {
  const queue = new InputQueue();
  assert.equal(queue.push(piece), undefined);
  assert.equal(queue.push(piece), undefined);
  const room = queue.push(piece);
  assert.ok(room);
  const reader = queue.readable.getReader();
  await reader.read();
  await room;
});

Deno.test("InputQueue gives what waits, and then the end", async () => {
  const queue = new InputQueue();
  for (let i = 0; i < 5; i++) void queue.push(piece);
  queue.end();
  queue.end();
  assert.equal(queue.push(piece), undefined);
  queue.fail(new Error("too late"));
  const chunks = await Array.fromAsync(queue.readable);
  assert.deepEqual(chunks.map(({ length }) => length), Array(5).fill(102400));
});

Deno.test("InputQueue fails at once when its sender is gone", async () => {
  const queue = new InputQueue();
  void queue.push(piece);
  queue.fail(new Error("The client left"));
  await assert.rejects(queue.readable.getReader().read(), /client left/);
});

for (const stop of ["end", "cancel"] as const) {
  Deno.test(`InputQueue lets a waiting sender go on after its ${stop}`, async () => {
    const queue = new InputQueue();
    void queue.push(piece);
    void queue.push(piece);
    const room = queue.push(piece);
    if (stop === "end") queue.end();
    else await queue.readable.cancel();
    await room;
    assert.equal(queue.push(piece), undefined);
  });
}
