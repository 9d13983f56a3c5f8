import assert from "node:assert/strict";
import { ChildStdin, emptyInput } from "./child_stdin.ts";
import { Clocks } from "./clocks.ts";
import { DescriptorTable, type GuestInput } from "./descriptors.ts";
import { errno } from "./errno.ts";
import { GuestMemory } from "./guest_memory.ts";
import { pollFunctions } from "./wasi_poll.ts";

const subscriptions = 1024;
const events = 4096;
const outCount = 8192;

type Subscription =
  | { clock: number; nanos: bigint; absolute?: boolean }
  | { type: number; fd: number };

/** Calls poll_oneoff and reads back the events: user data, error and type of each. */
async function poll(input: GuestInput, ...wanted: readonly Subscription[]) {
  const memory = new GuestMemory();
  memory.attach(new WebAssembly.Memory({ initial: 1 }));
  const descriptors = new DescriptorTable([
    { kind: "input", input, nonBlocking: false },
    { kind: "output", output: (bytes) => bytes.length },
  ]);
  for (const [index, item] of wanted.entries()) {
    const at = subscriptions + index * 48;
    memory.setUint64(at, BigInt(100 + index));
    memory.setUint8(at + 8, "type" in item ? item.type : 0);
    memory.setUint32(at + 16, "type" in item ? item.fd : item.clock);
    if ("type" in item) continue;
    memory.setUint64(at + 24, item.nanos);
    memory.setUint16(at + 40, item.absolute ? 1 : 0);
  }
  const host = {
    ...{ memory, descriptors, files: undefined, net: undefined },
    snapshot: 1 as const,
  };
  const { poll_oneoff: call } = pollFunctions(host, new Clocks());
  const result = await call(subscriptions, events, wanted.length, outCount);
  assert.equal(result, errno.success);
  return Array.from({ length: memory.getUint32(outCount) }, (_, index) => {
    const at = events + index * 32;
    return [
      Number(memory.getUint64(at)),
      memory.getUint16(at + 8),
      memory.getUint8(at + 10),
    ];
  });
}

/** An input to which nothing comes until told so. */
function silentInput() {
  const { promise, resolve } = Promise.withResolvers<number>();
  const input = new ChildStdin({ read: () => promise, readSync: () => null });
  return { input, arrive: () => resolve(1) };
}

const read = 1;
const write = 2;

Deno.test("poll_oneoff waits for a time on either clock", async () => {
  for (const clock of [0, 1]) {
    const begin = performance.now();
    const item = { clock, nanos: 30_000_000n };
    assert.deepEqual(await poll(emptyInput, item), [[100, 0, 0]]);
    assert.ok(performance.now() - begin >= 30);
  }
});

Deno.test("poll_oneoff does not wait for a time that is past", async () => {
  const past = { clock: 0, nanos: 1n, absolute: true };
  const far = { clock: 1, nanos: 2n ** 64n - 1n };
  assert.deepEqual(await poll(emptyInput, far, past), [[101, 0, 0]]);
});

Deno.test("poll_oneoff waits until a time of day", async () => {
  const nanos = BigInt(Date.now() + 30) * 1_000_000n;
  await poll(emptyInput, { clock: 0, nanos, absolute: true });
  assert.ok(BigInt(Date.now()) * 1_000_000n >= nanos - 1_000_000n);
});

Deno.test("poll_oneoff prefers input that is there to a time that is not", async () => {
  const hour = { clock: 1, nanos: 3_600_000_000_000n };
  const { input, arrive } = silentInput();
  const waiting = poll(input, hour, { type: read, fd: 0 });
  arrive();
  assert.deepEqual(await waiting, [[101, 0, read]]);
});

Deno.test("poll_oneoff gives up on input that does not come", async () => {
  const { input, arrive } = silentInput();
  const soon = { clock: 1, nanos: 10_000_000n };
  const result = await poll(input, { type: read, fd: 0 }, soon);
  assert.deepEqual(result, [[101, 0, 0]]);
  arrive();
});

Deno.test("poll_oneoff answers all that is ready at once", async () => {
  const result = await poll(
    emptyInput,
    { type: read, fd: 0 },
    { type: write, fd: 1 },
    { type: read, fd: 9 },
    { clock: 1, nanos: 3_600_000_000_000n },
  );
  assert.deepEqual(result, [
    [100, 0, read],
    [101, 0, write],
    [102, errno.badf, read],
  ]);
});
