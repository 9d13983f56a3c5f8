import assert from "node:assert/strict";
import { errno, WasiError } from "./errno.ts";
import { GuestMemory } from "./guest_memory.ts";

function onePage() {
  const source = new WebAssembly.Memory({ initial: 1, maximum: 2 });
  const memory = new GuestMemory();
  memory.attach(source);
  return { source, memory };
}

function assertFails(call: () => unknown, expected: number): void {
  assert.throws(
    call,
    (error) => error instanceof WasiError && error.errno === expected,
  );
}

Deno.test("GuestMemory reads back the numbers it wrote, up to its last byte", () => {
  const { memory } = onePage();
  memory.setUint8(65535, 0xfe);
  assert.equal(memory.getUint8(65535), 0xfe);
  memory.setUint16(65534, 0xfedc);
  assert.equal(memory.getUint16(65534), 0xfedc);
  memory.setUint32(65532, 0xfedcba98);
  assert.equal(memory.getUint32(65532), 0xfedcba98);
  memory.setUint64(65528, 0xfedcba9876543210n);
  assert.equal(memory.getUint64(65528), 0xfedcba9876543210n);
  assert.deepEqual([...memory.slice(65528, 3)], [0x10, 0x32, 0x54]);
});

Deno.test("GuestMemory fails with EFAULT for what is not all inside", () => {
  const { memory } = onePage();
  assertFails(() => memory.getUint8(65536), errno.fault);
  assertFails(() => memory.setUint64(65529, 0n), errno.fault);
  assertFails(() => memory.getUint32(-4), errno.fault);
  assertFails(() => memory.slice(0, -1), errno.fault);
  assertFails(() => memory.vector(65532, 1), errno.fault);
  assertFails(() => new GuestMemory().setUint8(0, 1), errno.fault);
});

Deno.test("GuestMemory sees what a grow added at once, be it read or written first", () => {
  const { source, memory } = onePage();
  memory.setUint8(0, 1);
  source.grow(1);
  memory.setUint32(65536, 7);
  assert.equal(new DataView(source.buffer).getUint32(65536, true), 7);
  assert.equal(memory.getUint8(0), 1);
});

Deno.test("GuestMemory.text() fails for NUL and for what is not UTF-8", () => {
  const { memory } = onePage();
  memory.slice(0, 4).set(new TextEncoder().encode("aé\0"));
  assert.equal(memory.text(0, 3), "aé");
  assertFails(() => memory.text(0, 4), errno.inval);
  assertFails(() => memory.text(0, 2), errno.ilseq);
});

Deno.test("GuestMemory.vector() leaves out empty spans and checks the others", () => {
  const { memory } = onePage();
  for (const [at, value] of [100, 5, 200, 0, 300, 6].entries()) {
    memory.setUint32(at * 4, value);
  }
  assert.deepEqual(memory.vector(0, 3), [
    { start: 100, length: 5 },
    { start: 300, length: 6 },
  ]);
  memory.setUint32(20, 65536);
  assertFails(() => memory.vector(0, 3), errno.fault);
  assertFails(() => memory.vector(0, -1), errno.inval);
});
