import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { parseImageName } from "../../image_name.ts";
import { RegistryClient } from "./registry_client.ts";

const { signal } = new AbortController();
const content = new TextEncoder().encode("0123456789".repeat(10_000));
const blob = {
  mediaType: "application/wasm",
  digest: `sha256:${createHash("sha256").update(content).digest("hex")}`,
  size: content.length,
};

/** What came of a blob, from a server that answers so; with the ranges that it was asked for. */
async function fetchBlob(
  answer: (range: string | undefined, count: number) => Response,
): Promise<{
  readonly bytes: Uint8Array;
  readonly ranges: readonly (string | undefined)[];
  readonly seen: number;
}> {
  const ranges: (string | undefined)[] = [];
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {}, onError },
    ({ headers, url }) => {
      if (!url.includes("/blobs/")) return new Response();
      ranges.push(headers.get("range") ?? undefined);
      return answer(ranges.at(-1), ranges.length);
    },
  );
  const name = parseImageName(`127.0.0.1:${server.addr.port}/app`);
  const path = await Deno.makeTempFile();
  try {
    using file = await Deno.open(path, { write: true });
    let seen = 0;
    const onBytes = (count: number) => void (seen += count);
    await new RegistryClient(name).blob(blob, { file, onBytes, signal });
    return { bytes: await Deno.readFile(path), ranges, seen };
  } finally {
    await Deno.remove(path);
  }
}

function onError(): Response {
  return new Response(null, { status: 500 });
}

/** The bytes from `start` up to `end`, where the connection is cut if there are more. */
function cutAt(start: number, end: number, init: ResponseInit = {}): Response {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(content.slice(start, end)),
    pull(controller) {
      if (end >= content.length) controller.close();
      else controller.error(new Error("cut"));
    },
  });
  return new Response(body, init);
}

function part(start: number, end: number): Response {
  return cutAt(start, end, {
    status: 206,
    headers: {
      "content-range": `bytes ${start}-${content.length - 1}/${content.length}`,
    },
  });
}

Deno.test("RegistryClient.blob() goes on where the connection was cut", async () => {
  const { bytes, ranges, seen } = await fetchBlob((range, count) => {
    if (range === undefined) return cutAt(0, 40_000);
    const start = Number(/^bytes=(\d+)-$/.exec(range)?.[1]);
    return part(start, count === 2 ? start + 20_000 : content.length);
  });
  assert.deepEqual(bytes, content);
  assert.deepEqual(ranges, [undefined, "bytes=40000-", "bytes=60000-"]);
  assert.equal(seen, content.length);
});

Deno.test("RegistryClient.blob() begins anew with a server that knows no ranges", async () => {
  const { bytes, ranges, seen } = await fetchBlob((_, count) =>
    cutAt(0, count === 1 ? 40_000 : content.length)
  );
  assert.deepEqual(bytes, content);
  assert.equal(ranges.length, 2);
  assert.equal(seen, content.length);
});

Deno.test("RegistryClient.blob() asks again while a server is overloaded", async () => {
  const { bytes } = await fetchBlob((_, count) =>
    count === 1 ? new Response("busy", { status: 503 }) : new Response(content)
  );
  assert.deepEqual(bytes, content);
});

Deno.test("RegistryClient.blob() takes none that is shorter than it must be", async () => {
  const short = content.slice(0, 5);
  await assert.rejects(
    fetchBlob((range) =>
      range === undefined
        ? new Response(short)
        : new Response(null, { status: 416 })
    ),
    /blob sha256:\w+ has 5 of its 100000 bytes/,
  );
});
