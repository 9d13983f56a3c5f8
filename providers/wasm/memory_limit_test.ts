import assert from "node:assert/strict";
import { guestModule } from "../../tests/run_guest.ts";
import { limitMemory } from "./memory_limit.ts";

const page = 65536;

function load(name: string): Uint8Array<ArrayBuffer> {
  return Deno.readFileSync(guestModule(name));
}

async function instantiate(bytes: Uint8Array<ArrayBuffer>) {
  const { instance } = await WebAssembly.instantiate(bytes, {
    wasi_snapshot_preview1: { sched_yield: () => 0 },
  });
  return instance.exports as unknown as Exports;
}

/** What the modules of these tests export, each some of it. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly "farlet_memory_limit_hit": WebAssembly.Global;
  readonly shapes: (number: number) => number;
  readonly grow: (pages: number) => number;
  readonly "grow_other": (pages: number) => number;
  readonly _start: () => void;
}

/** A section's ID and content. */
type Bytes = readonly [number, ...number[]];

/** A module with these sections, each an ID and its content. */
function moduleOf(
  ...sections: readonly Bytes[]
): Uint8Array<ArrayBuffer> {
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...sections.flatMap((
      [id, ...content],
    ) => [id, content.length, ...content]),
  ]);
}

for (const name of ["guest", "files", "attacks", "hoard", "instructions"]) {
  Deno.test(`limitMemory() leaves ${name}.wasm valid and keeps all its bytes`, () => {
    const bytes = load(name);
    const limited = limitMemory(bytes, 1024 * page);
    assert.equal(limited.kind, "exact");
    assert.ok(WebAssembly.validate(limited.bytes));
    assert.ok(limited.bytes.length > bytes.length);
    assert.deepEqual(bytes, load(name));
  });
}

Deno.test("limitMemory() finds every grow among instructions of all shapes", async () => {
  // Two pages to begin with and nine grows: each limit is first exceeded by another one.
  for (let limitPages = 2; limitPages < 11; limitPages++) {
    const limited = limitMemory(load("instructions"), limitPages * page);
    assert.equal(limited.kind, "exact");
    const { shapes, memory, farlet_memory_limit_hit, grow_other } =
      await instantiate(limited.bytes);
    assert.throws(() => shapes(1), { message: "unreachable" });
    assert.equal(farlet_memory_limit_hit.value, 1);
    const pages = memory.buffer.byteLength / page + grow_other(0);
    assert.equal(pages, limitPages);
  }
});

Deno.test("limitMemory() lets a module have exactly its limit", async () => {
  const limited = limitMemory(load("instructions"), 11 * page);
  assert.equal(limited.kind, "exact");
  const { shapes, memory, farlet_memory_limit_hit } = await instantiate(
    limited.bytes,
  );
  assert.equal(shapes(1), 8);
  assert.equal(memory.buffer.byteLength, 9 * page);
  assert.equal(farlet_memory_limit_hit.value, 0);
});

Deno.test("limitMemory() rounds the limit down to pages", () => {
  const { kind } = limitMemory(load("instructions"), 2 * page - 1);
  assert.equal(kind, "exceeded");
});

Deno.test("limitMemory() counts a grow of nothing as none", async () => {
  const limited = limitMemory(load("instructions"), 2 * page);
  assert.equal(limited.kind, "exact");
  const { grow, grow_other } = await instantiate(limited.bytes);
  assert.equal(grow(0), 1);
  assert.equal(grow_other(0), 1);
  // As unsigned it is the largest number, more than any memory may have.
  assert.equal(grow(-1), -1);
  assert.throws(() => grow(65535));
});

Deno.test("limitMemory() chooses a flag that the module does not export", () => {
  const limited = limitMemory(load("hoard"), 16 * page);
  assert.equal(limited.kind, "exact");
  assert.equal(limited.flag, "farlet_memory_limit_hit_");
});

Deno.test("limitMemory() says how much memory is too much to begin with", () => {
  assert.deepEqual(limitMemory(load("large"), 16 * 1024 * 1024), {
    kind: "exceeded",
    message:
      "module begins with 65536 KiB of memory, and its limit is 16384 KiB",
  });
});

Deno.test("limitMemory() leaves a module alone that cannot grow", () => {
  const bytes = load("large");
  assert.deepEqual(limitMemory(bytes, 64 * 1024 * 1024), {
    kind: "constant",
    bytes,
  });
});

Deno.test("limitMemory() caps the memory of a module with unknown instructions", async () => {
  const limited = limitMemory(load("managed"), 16 * page);
  assert.equal(limited.kind, "capped");
  const { _start, memory } = await instantiate(limited.bytes);
  assert.throws(() => _start());
  assert.equal(memory.buffer.byteLength, 16 * page);
});

Deno.test("limitMemory() adds the sections that a module lacks in their places", () => {
  const type: Bytes = [1, 1, 0x60, 0, 0];
  const functions: Bytes = [3, 1, 0];
  const memory: Bytes = [5, 1, 0, 1];
  const code: Bytes = [10, 1, 7, 0, 0x41, 1, 0x40, 0, 0x1a, 0x0b];
  const custom: Bytes = [0, 4, 0x6e, 0x6f, 0x74, 0x65, 1, 2, 3];
  const data: Bytes = [11, 1, 0, 0x41, 0, 0x0b, 1, 42];
  const start: Bytes = [8, 0];
  const global: Bytes = [6, 1, 0x7f, 0, 0x41, 0, 0x0b];
  const exported: Bytes = [7, 1, 1, 0x61, 0, 0];
  const cases: readonly (readonly Bytes[])[] = [
    [type, functions, memory, code],
    [custom, type, functions, custom, memory, custom, code, custom, data],
    [type, functions, memory, start, code],
    [type, functions, memory, global, code],
    [type, functions, memory, exported, start, code, data],
    [type, functions, memory, global, custom, exported, code, data],
  ];
  for (const sections of cases) {
    const bytes = moduleOf(...sections);
    assert.ok(WebAssembly.validate(bytes));
    const limited = limitMemory(bytes, 4 * page);
    assert.equal(limited.kind, "exact");
    assert.ok(WebAssembly.validate(limited.bytes));
  }
});

Deno.test("limitMemory() throws for a module that ends in the middle", () => {
  const bytes = load("guest");
  assert.throws(
    () => limitMemory(bytes.slice(0, bytes.length - 1), 1024 * page),
    { name: "MalformedModuleError" },
  );
});
