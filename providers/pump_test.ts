import assert from "node:assert/strict";
import { Latest } from "./latest.ts";
import { OutputFan } from "./output_fan.ts";
import { endingWith, pump } from "./pump.ts";

const { signal } = new AbortController();

Deno.test("pump() takes one chunk after the other", async () => {
  const taken: number[] = [];
  let busy = false;
  await pump(ReadableStream.from([1, 2, 3]), async (chunk) => {
    assert.ok(!busy);
    busy = true;
    await Promise.resolve();
    busy = false;
    taken.push(chunk);
  }, { signal });
  assert.deepEqual(taken, [1, 2, 3]);
});

Deno.test("pump() ends at once when aborted, also while a chunk is being taken", async () => {
  const stop = new AbortController();
  let cancelled = false;
  const source = new ReadableStream({
    pull: (controller) => controller.enqueue(1),
    cancel: () => {
      cancelled = true;
    },
  });
  const pumping = pump(source, () => {
    stop.abort();
    return new Promise(() => {});
  }, stop);
  await assert.rejects(pumping, { name: "AbortError" });
  assert.ok(cancelled);
});

Deno.test("pump() cancels its source when a chunk cannot be taken", async () => {
  let cancelled = false;
  const source = new ReadableStream({
    pull: (controller) => controller.enqueue(1),
    cancel: () => {
      cancelled = true;
    },
  });
  const failing = () => Promise.reject(new Error("full"));
  await assert.rejects(pump(source, failing, { signal }), /full/);
  assert.ok(cancelled);
});

Deno.test("endingWith() reads nothing ahead, and fails once aborted", async () => {
  const stop = new AbortController();
  let asked = 0;
  let cancelled = false;
  const source = new ReadableStream<number>({
    pull: (controller) => {
      if (++asked === 1) controller.enqueue(1);
    },
    cancel: () => {
      cancelled = true;
    },
  }, { highWaterMark: 0 });
  const reader = endingWith(stop.signal, source).getReader();
  assert.equal(asked, 0);
  assert.equal((await reader.read()).value, 1);
  const stuck = reader.read();
  stop.abort();
  await assert.rejects(stuck, { name: "AbortError" });
  assert.ok(cancelled);
});

Deno.test("Latest gives the newest value, and ends after it", async () => {
  const latest = new Latest<number>();
  for (const value of [1, 2, 3]) latest.set(value);
  const reader = latest.readable.getReader();
  assert.equal((await reader.read()).value, 3);
  const next = reader.read();
  latest.set(4);
  assert.equal((await next).value, 4);
  latest.set(5);
  latest.end();
  assert.equal((await reader.read()).value, 5);
  assert.ok((await reader.read()).done);
});

Deno.test("OutputFan gives each reader one stream, from now on", async () => {
  const fan = new OutputFan();
  const bytes = new Uint8Array([1]);
  fan.push("stdout", bytes);
  const readers = [fan.read("stdout"), fan.read("stdout"), fan.read("stderr")];
  fan.push("stdout", bytes);
  fan.push("stderr", bytes);
  fan.push("stderr", bytes);
  fan.end();
  const counts = readers.map(async (stream) =>
    (await Array.fromAsync(stream)).length
  );
  assert.deepEqual(await Promise.all(counts), [1, 1, 2]);
  assert.deepEqual(await Array.fromAsync(fan.read("stdout")), []);
});

Deno.test("OutputFan drops a reader that lags, and no other one", async () => {
  const fan = new OutputFan();
  const [slow, other] = [fan.read("stdout"), fan.read("stdout")];
  const reader = other.getReader();
  const chunk = new Uint8Array(2 ** 20);
  for (let i = 0; i < 8; i++) {
    fan.push("stdout", chunk);
    assert.equal((await reader.read()).value, chunk);
  }
  assert.ok(fan.watched);
  await assert.rejects(Array.fromAsync(slow), /too slow/);
});
