import assert from "node:assert/strict";
import { tarBytes, type TarEntry, tarStream } from "./tar.ts";

const text = new TextEncoder();
const long = "k".repeat(180);
const deep = `${"directory/".repeat(13)}file`;
const entries: readonly TarEntry[] = [
  { kind: "directory", path: "d", mode: 0o2755 },
  { kind: "file", path: "d/a", mode: 0o640, content: text.encode("hello") },
  {
    kind: "file",
    path: "d/-ä",
    mode: 0o600,
    uid: 70_000,
    gid: 4_000_000_000,
    modifiedAt: new Date("2020-02-02T00:00:00Z"),
    content: new Uint8Array(512),
  },
  { kind: "symlink", path: "d/l", mode: 0o777, target: long },
  { kind: "file", path: `d/${long}`, mode: 0o644, content: new Uint8Array() },
  { kind: "file", path: deep, mode: 0o644, content: text.encode("deep") },
];

const programs = ["tar", "busybox"].filter(isInstalled);

for (const program of programs) {
  Deno.test(`tarBytes() makes what ${program} extracts`, async () => {
    const directory = await extract(program, tarBytes(entries));
    await using _ = removal(directory);
    const read = (path: string) => Deno.readTextFile(`${directory}/${path}`);
    assert.equal(await read("d/a"), "hello");
    assert.equal(await read(deep), "deep");
    assert.equal(await read(`d/${long}`), "");
    assert.equal(await Deno.readLink(`${directory}/d/l`), long);
    const { mode, size, mtime } = await Deno.stat(`${directory}/d/-ä`);
    assert.equal((mode ?? 0) & 0o777, 0o600);
    assert.equal(size, 512);
    assert.equal(mtime?.toISOString(), "2020-02-02T00:00:00.000Z");
  });

  Deno.test({
    name: `tarBytes() keeps owners and special bits for ${program}`,
    ignore: Deno.build.os === "windows" || Deno.uid() !== 0,
    async fn() {
      const directory = await extract(program, tarBytes(entries));
      await using _ = removal(directory);
      const { uid, gid } = await Deno.stat(`${directory}/d/-ä`);
      assert.deepEqual([uid, gid], [70_000, 4_000_000_000]);
      const { mode } = await Deno.stat(`${directory}/d`);
      assert.equal((mode ?? 0) & 0o7777, 0o2755);
    },
  });
}

Deno.test("tarStream() gives the bytes of tarBytes(), and takes streams", async () => {
  const streamed = entries.map((entry): TarEntry =>
    entry.kind === "file" && entry.content instanceof Uint8Array
      ? {
        ...entry,
        content: {
          size: entry.content.length,
          stream: new Blob([new Uint8Array(entry.content)]).stream(),
        },
      }
      : entry
  );
  const bytes = await new Response(tarStream(streamed)).bytes();
  assert.deepEqual(bytes, tarBytes(entries));
});

for (const size of [4, 6]) {
  Deno.test(`tarStream() fails when 5 bytes come instead of ${size}`, async () => {
    const content = { size, stream: new Blob(["hello"]).stream() };
    const entry = { kind: "file", path: "a", mode: 0o644, content } as const;
    await assert.rejects(
      new Response(tarStream([entry])).bytes(),
      /Cannot archive "a": it has (more|less) than/,
    );
  });
}

Deno.test("tarBytes() says a size of 8 GiB and more in bytes", () => {
  const stream = tarStream([{
    kind: "file",
    path: "a",
    mode: 0o644,
    content: { size: 2 ** 33 + 5, stream: new ReadableStream() },
  }]);
  const reader = stream.getReader();
  return reader.read().then(async ({ value = new Uint8Array() }) => {
    assert.deepEqual(
      [...value.subarray(124, 136)],
      [0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 5],
    );
    reader.releaseLock();
    await stream.cancel();
  });
});

Deno.test("tarBytes() refuses names that end early, and streams", () => {
  const entry = { kind: "file", path: "a\0b", mode: 0, content: text.encode() };
  assert.throws(() => tarBytes([{ ...entry, kind: "file" }]), RangeError);
  const content = { size: 0, stream: new ReadableStream() };
  assert.throws(
    () => tarBytes([{ kind: "file", path: "a", mode: 0, content }]),
    TypeError,
  );
});

async function extract(program: string, archive: Uint8Array): Promise<string> {
  const directory = await Deno.makeTempDir();
  const child = new Deno.Command(program, {
    args: [
      ...(program === "busybox" ? ["tar"] : []),
      ...["-x", "-p", "-f", "-", "-C", directory],
    ],
    stdin: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(archive);
  await writer.close();
  const { success, stderr } = await child.output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return directory;
}

function removal(directory: string): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      await Deno.remove(directory, { recursive: true });
    },
  };
}

function isInstalled(program: string): boolean {
  try {
    Deno.statSync(`/usr/bin/${program}`);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
