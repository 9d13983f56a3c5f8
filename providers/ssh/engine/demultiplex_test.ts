import assert from "node:assert/strict";
import fc from "fast-check";
import { UnreachableError } from "../../errors.ts";
import { demultiplex, FrameReader } from "./demultiplex.ts";

type Frame = readonly [stream: 1 | 2, text: string];

function framed(frames: readonly Frame[]): Uint8Array {
  const parts = frames.flatMap(([stream, text]) => {
    const bytes = new TextEncoder().encode(text);
    const header = new Uint8Array(8);
    header[0] = stream;
    new DataView(header.buffer).setUint32(4, bytes.length);
    return [...header, ...bytes];
  });
  return new Uint8Array(parts);
}

/** Reads `bytes` in pieces that end at `cuts`, all in one buffer that is used again. */
function source(bytes: Uint8Array, cuts: readonly number[]) {
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length]
    .toSorted((a, b) => a - b);
  const buffer = new Uint8Array(bytes.length);
  let at = 0;
  return {
    read() {
      const end = ends.shift();
      if (end === undefined) return Promise.resolve(undefined);
      const piece = bytes.subarray(at, end);
      at = end;
      buffer.set(piece);
      return Promise.resolve(buffer.subarray(0, piece.length));
    },
  };
}

Deno.test("demultiplex() gives each stream its bytes, in order, wherever the pieces are cut", async () => {
  const frame = fc.tuple(
    fc.constantFrom(1 as const, 2 as const),
    fc.string({ maxLength: 20 }),
  );
  await fc.assert(fc.asyncProperty(
    fc.array(frame),
    fc.array(fc.nat(), { maxLength: 6 }),
    async (frames, cuts) => {
      const got = { stdout: "", stderr: "" };
      const take = (name: keyof typeof got) => {
        const decoder = new TextDecoder();
        return async (bytes: Uint8Array) => {
          await Promise.resolve();
          got[name] += decoder.decode(bytes, { stream: true });
        };
      };
      await demultiplex(source(framed(frames), cuts), {
        stdout: take("stdout"),
        stderr: take("stderr"),
      });
      const of = (wanted: number) =>
        frames.map(([stream, text]) => stream === wanted ? text : "").join("");
      assert.deepEqual(got, { stdout: of(1), stderr: of(2) });
    },
  ));
});

Deno.test("demultiplex() gives frames of one stream together, and keeps the order of the two", async () => {
  const calls: string[] = [];
  const take = (name: string) => (bytes: Uint8Array) => {
    calls.push(`${name} ${new TextDecoder().decode(bytes)}`);
    return Promise.resolve();
  };
  const bytes = framed([[1, "a"], [1, "b"], [2, "c"], [1, "d"]]);
  await demultiplex(source(bytes, []), {
    stdout: take("out"),
    stderr: take("err"),
  });
  assert.deepEqual(calls, ["out ab", "err c", "out d"]);
});

Deno.test("demultiplex() rejects when the connection ends inside a frame", async () => {
  const bytes = framed([[1, "hello"]]).subarray(0, 10);
  const take = () => Promise.resolve();
  await assert.rejects(
    demultiplex(source(bytes, []), { stdout: take, stderr: take }),
    UnreachableError,
  );
});

Deno.test("FrameReader.read() says where a frame begins", () => {
  const frames = new FrameReader();
  const bytes = framed([[1, "abc"], [2, "d"]]);
  const pieces = [bytes.subarray(0, 9), bytes.subarray(9)]
    .flatMap((chunk) => [...frames.read(chunk)])
    .map(({ stream, bytes, first }) => [
      stream,
      new TextDecoder().decode(bytes),
      first,
    ]);
  assert.deepEqual(pieces, [
    ["stdout", "a", true],
    ["stdout", "bc", false],
    ["stderr", "d", true],
  ]);
  assert.equal(frames.whole, true);
});
