import assert from "node:assert/strict";
import { untilAborted } from "../async/abort.ts";
import { OutputStream } from "./output_stream.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** Takes a few bytes at a time, and nothing while it is shut. */
class Writer {
  text = "";
  writes = 0;
  failure: Error | undefined;
  #open: Promise<void> = Promise.resolve();

  shut(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#open = promise;
    return resolve;
  }

  async write(chunk: Uint8Array): Promise<number> {
    this.writes++;
    await this.#open;
    if (this.failure) throw this.failure;
    const taken = chunk.subarray(0, 100_000);
    this.text += new TextDecoder().decode(taken);
    return taken.length;
  }
}

Deno.test("OutputStream writes at once, and all of it", async () => {
  const writer = new Writer();
  const output = new OutputStream(writer);
  await output.write(bytes("hello"));
  assert.equal(writer.writes, 1);
  const long = "x".repeat(1_000_000);
  await output.write(bytes(long));
  await output.flush();
  assert.equal(writer.text, `hello${long}`);
});

Deno.test("OutputStream gathers what comes during a write", async () => {
  const writer = new Writer();
  const open = writer.shut();
  const output = new OutputStream(writer);
  for (const text of ["a", "b", "c"]) await output.write(bytes(text));
  open();
  await output.flush();
  assert.deepEqual([writer.text, writer.writes], ["abc", 2]);
});

Deno.test("OutputStream waits when 256 KiB are still to be written", async () => {
  const writer = new Writer();
  const open = writer.shut();
  const output = new OutputStream(writer);
  await output.write(new Uint8Array(256 * 1024)); // under way
  await output.write(new Uint8Array(256 * 1024)); // gathered
  let taken = false;
  const third = output.write(new Uint8Array(1)).then(() => taken = true);
  for (let i = 0; i < 100; i++) await Promise.resolve();
  assert.equal(taken, false);
  open();
  await third;
  await output.flush();
  assert.equal(writer.text.length, 512 * 1024 + 1);
});

Deno.test("OutputStream keeps the pieces of several writers whole", async () => {
  const writer = new Writer();
  const output = new OutputStream(writer);
  const pieces = ["a", "b", "c"].map((letter) => letter.repeat(400_000));
  await Promise.all(pieces.map((piece) => output.write(bytes(piece))));
  await output.flush();
  assert.equal(writer.text, pieces.join(""));
});

Deno.test("OutputStream tells at once, by its signal, that nobody reads any more", async () => {
  const writer = new Writer();
  writer.failure = new Deno.errors.BrokenPipe("Broken pipe");
  const output = new OutputStream(writer);
  await output.write(bytes("a"));
  await untilAborted(output.signal);
  assert.equal(output.signal.reason.name, "OutputClosed");
  await assert.rejects(output.write(bytes("b")), { name: "OutputClosed" });
  await assert.rejects(output.flush(), { name: "OutputClosed" });
});

Deno.test("OutputStream rejects with any other failure as it is", async () => {
  const writer = new Writer();
  writer.failure = new Error("No space left on device");
  const output = new OutputStream(writer);
  await output.write(bytes("a"));
  await assert.rejects(output.flush(), { message: "No space left on device" });
});
