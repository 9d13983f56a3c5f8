import assert from "node:assert/strict";
import type { DuplexStream } from "../../../async/byte_stream.ts";
import { HttpClient } from "./http_client.ts";
import { ConnectionLostError } from "../../../async/http_connection.ts";
import { RawServer } from "./test_raw_server.ts";

const signal = () => AbortSignal.timeout(10_000);
const get = { method: "GET", path: "/x" } as const;
const post = { method: "POST", path: "/x" } as const;

async function text(body: ReadableStream<Uint8Array>): Promise<string> {
  return await new Response(body as ReadableStream<Uint8Array<ArrayBuffer>>)
    .text();
}

const bodies = {
  "with a length": "content-length: 5\r\n\r\nhello",
  "in chunks":
    "transfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
  "until the end": "\r\nhello",
};
for (const [how, tail] of Object.entries(bodies)) {
  Deno.test(`HttpClient.request() reads a body ${how}, also byte by byte`, async () => {
    await using server = new RawServer(async (connection) => {
      await connection.request();
      const answer = `HTTP/1.1 200 OK\r\n${tail}`;
      for (const byte of answer) await connection.write(byte);
      connection.close();
    });
    const http = new HttpClient(server);
    const answer = await http.request(get, { signal: signal() });
    assert.equal(answer.status, 200);
    assert.equal(await text(answer.body), "hello");
    http.closeIdle();
  });
}

Deno.test("HttpClient.request() uses a connection again once the body is read", async () => {
  await using server = new RawServer(async (connection) => {
    for (;;) {
      const request = await connection.request();
      if (request === undefined) return;
      await connection.write(
        `HTTP/1.1 200 OK\r\ncontent-length: ${request.length}\r\n\r\n${request}`,
      );
    }
  });
  const http = new HttpClient(server);
  const first = await http.request(get, { signal: signal() });
  const second = await http.request(get, { signal: signal() });
  assert.equal(server.dials, 2);
  assert.equal(await text(first.body), "GET /x");
  assert.equal(await text(second.body), "GET /x");
  assert.equal(http.idle, 2);
  const body = new TextEncoder().encode("content");
  const third = await http.request({ ...post, body }, { signal: signal() });
  assert.equal(await text(third.body), "POST /x content");
  assert.equal(server.dials, 2);
  http.closeIdle();
  assert.equal(http.idle, 0);
});

Deno.test("HttpClient.request() skips 100 Continue, and needs no body after 204 and 304", async () => {
  await using server = new RawServer(async (connection) => {
    await connection.request();
    await connection.write("HTTP/1.1 100 Continue\r\n\r\n");
    await connection.write("HTTP/1.1 304 Not Modified\r\n\r\n");
    await connection.request();
    await connection.write("HTTP/1.1 204 No Content\r\n\r\n");
  });
  const http = new HttpClient(server);
  for (const status of [304, 204]) {
    const answer = await http.request(get, { signal: signal() });
    assert.equal(answer.status, status);
    assert.equal(await text(answer.body), "");
  }
  assert.equal(server.dials, 1);
  http.closeIdle();
});

Deno.test("HttpClient.request() gives up on an answer that does not begin", async () => {
  await using server = new RawServer(async (connection) => {
    await connection.request();
    for (;;) await connection.write("HTTP/1.1 100 Continue\r\n\r\n");
  });
  const http = new HttpClient(server);
  await assert.rejects(
    http.request(get, { signal: signal() }),
    /it does not begin/,
  );
});

/** Ends each connection on its second request without an answer. */
async function forgetful(
  connection: Parameters<ConstructorParameters<typeof RawServer>[0]>[0],
): Promise<void> {
  await connection.request();
  await connection.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  await connection.request();
  connection.close();
}

Deno.test("HttpClient.request() sends again once what got no answer on a kept connection", async () => {
  await using server = new RawServer(forgetful);
  const http = new HttpClient(server);
  for (let i = 0; i < 3; i++) {
    const answer = await http.request(get, { signal: signal() });
    assert.equal(await text(answer.body), "");
  }
  assert.equal(server.dials, 3);
  http.closeIdle();
});

Deno.test("HttpClient.request() sends a POST once, unless it says that it may be repeated", async () => {
  await using server = new RawServer(forgetful);
  const http = new HttpClient(server);
  await text((await http.request(get, { signal: signal() })).body);
  await assert.rejects(
    http.request(post, { signal: signal() }),
    ConnectionLostError,
  );
  assert.equal(server.dials, 1);
  await text((await http.request(get, { signal: signal() })).body);
  const again = { ...post, repeatable: true };
  await text((await http.request(again, { signal: signal() })).body);
  assert.equal(server.dials, 3);
  http.closeIdle();
});

Deno.test("HttpClient.request() does not use a kept connection on which something came unasked", async () => {
  const said = Promise.withResolvers<void>();
  await using server = new RawServer(async (connection, index) => {
    await connection.request();
    const ok = `HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n${index}`;
    await connection.write(ok);
    if (index > 0) return;
    await connection.write("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad");
    await connection.rest();
    said.resolve();
  });
  const http = new HttpClient(server);
  await text((await http.request(get, { signal: signal() })).body);
  // The server saw that it was dropped.
  await said.promise;
  const answer = await http.request(get, { signal: signal() });
  assert.equal(await text(answer.body), "1");
  http.closeIdle();
});

Deno.test("HttpClient.request() drops the connection on abort, before the answer and in it", async () => {
  const dropped: string[] = [];
  const both = Promise.withResolvers<void>();
  const waiting = Promise.withResolvers<void>();
  await using server = new RawServer(async (connection, index) => {
    await connection.request();
    if (index === 1) {
      await connection.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab");
    } else waiting.resolve();
    await connection.rest();
    dropped.push(String(index));
    if (dropped.length === 2) both.resolve();
  });
  const http = new HttpClient(server);
  const early = new AbortController();
  const asked = http.request(get, early);
  await waiting.promise;
  early.abort(new Error("enough"));
  await assert.rejects(asked, /enough/);
  const late = new AbortController();
  const { body } = await http.request(get, late);
  const reader = body.getReader();
  assert.equal(new TextDecoder().decode((await reader.read()).value), "ab");
  const more = reader.read();
  late.abort(new Error("too much"));
  await assert.rejects(more, /too much/);
  await both.promise;
});

Deno.test("HttpClient.request() fails when the connection ends in the answer", async () => {
  const answers = [
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
  ];
  await using server = new RawServer(async (connection, index) => {
    await connection.request();
    await connection.write(answers[index] ?? "");
    connection.close();
  });
  const http = new HttpClient(server);
  for (const _ of answers) {
    const { body } = await http.request(get, { signal: signal() });
    await assert.rejects(text(body), ConnectionLostError);
  }
  await assert.rejects(
    http.request(get, { signal: signal() }),
    ConnectionLostError,
  );
});

Deno.test("HttpClient.request() refuses what is not HTTP", async () => {
  const answers = [
    "SSH-2.0-OpenSSH\r\n\r\n",
    `HTTP/1.1 200 OK\r\nx: ${"y".repeat(300_000)}\r\n\r\n`,
    "HTTP/1.1 200 OK\r\ncontent-length: 5, 6\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
  ];
  await using server = new RawServer(async (connection, index) => {
    await connection.request();
    await connection.write(answers[index] ?? "");
    await connection.rest();
  });
  const http = new HttpClient(server);
  for (const _ of answers) {
    await assert.rejects(
      http.request(get, { signal: signal() }),
      /Cannot read the answer/,
    );
  }
});

Deno.test("HttpClient.request() sends a stream in chunks, at the pace of the server", async () => {
  await using server = new RawServer(async (connection) => {
    await connection.request();
    await connection.write("HTTP/1.1 200 OK\r\n\r\n");
    const got = await connection.rest();
    await connection.write(got.replaceAll("\r\n", "|"));
    connection.close();
  });
  const http = new HttpClient({
    // The end of the request is the end of our side, so that the server need not look for it.
    dial: async () => {
      const stream = await server.dial();
      const write = async (bytes: Uint8Array) => {
        await stream.write(bytes);
        const end = new TextDecoder().decode(bytes);
        if (end === "0\r\n\r\n") await stream.closeWrite();
      };
      return { ...stream, write };
    },
  });
  const body = ReadableStream.from(
    ["first", "", "second"].map((each) => new TextEncoder().encode(each)),
  );
  const answer = await http.request({ ...post, body }, { signal: signal() });
  assert.equal(await text(answer.body), "5|first|6|second|0||");
});

Deno.test("HttpClient.request() fails as the stream that it sends does", async () => {
  await using server = new RawServer(async (connection) => {
    await connection.request();
    await connection.rest();
  });
  const http = new HttpClient(server);
  const body = new ReadableStream<Uint8Array>({
    pull: () => Promise.reject(new Error("the disk is gone")),
  });
  await assert.rejects(
    http.request({ ...post, body }, { signal: signal() }),
    /the disk is gone/,
  );
});

Deno.test("HttpClient.request() gives the answer of a server that does not want all of a stream", async () => {
  await using server = new RawServer(async (connection) => {
    await connection.request();
    await connection.write(
      "HTTP/1.1 507 No\r\nconnection: close\r\ncontent-length: 4\r\n\r\nfull",
    );
    await connection.rest();
  });
  const http = new HttpClient(server);
  const cancelled = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024)),
    cancel: () => cancelled.resolve(),
  });
  const answer = await http.request({ ...post, body }, { signal: signal() });
  assert.equal(answer.status, 507);
  assert.equal(await text(answer.body), "full");
  await cancelled.promise;
});

Deno.test("HttpClient.request() reads ahead of nobody", async () => {
  let reads = 0;
  const chunks = ["HTTP/1.1 200 OK\r\n\r\n"];
  const endless: DuplexStream = {
    read: () => {
      reads++;
      const chunk = chunks.shift() ?? "x".repeat(1000);
      return Promise.resolve(new TextEncoder().encode(chunk));
    },
    write: () => Promise.resolve(),
    closeWrite: () => Promise.resolve(),
    close: () => Promise.resolve(),
    destroy: () => undefined,
  };
  const http = new HttpClient({ dial: () => Promise.resolve(endless) });
  const { body } = await http.request(get, { signal: signal() });
  const reader = body.getReader();
  for (let i = 0; i < 3; i++) await reader.read();
  assert.equal(reads, 4);
  await reader.cancel();
});

Deno.test("HttpClient.upgrade() gives the connection, with what came behind the head, and ends one side at a time", async () => {
  await using server = new RawServer(async (connection) => {
    await connection.request();
    await connection.write(
      "HTTP/1.1 101 UPGRADED\r\nupgrade: tcp\r\n\r\nearly",
    );
    const got = await connection.rest();
    await connection.write(` got ${got}`);
    connection.close();
  });
  const http = new HttpClient(server);
  const upgrade = await http.upgrade(post, { signal: signal() });
  assert.equal(upgrade.kind, "upgraded");
  if (upgrade.kind !== "upgraded") return;
  const { stream } = upgrade;
  await stream.write(new TextEncoder().encode("input"));
  await stream.closeWrite();
  let all = "";
  for (;;) {
    const chunk = await stream.read();
    if (chunk === undefined) break;
    all += new TextDecoder().decode(chunk);
  }
  assert.equal(all, "early got input");
  await stream.close();
});

Deno.test("HttpClient.upgrade() gives the answer of a server that refuses", async () => {
  await using server = new RawServer(async (connection) => {
    await connection.request();
    await connection.write(
      "HTTP/1.1 409 Conflict\r\ncontent-length: 2\r\n\r\nno",
    );
  });
  const http = new HttpClient(server);
  const upgrade = await http.upgrade(post, { signal: signal() });
  assert.equal(upgrade.kind, "refused");
  if (upgrade.kind !== "refused") return;
  assert.equal(upgrade.answer.status, 409);
  assert.equal(await text(upgrade.answer.body), "no");
  http.closeIdle();
});

Deno.test("HttpClient.upgrade() drops the connection on abort, also when it is taken over", async () => {
  const gone = Promise.withResolvers<void>();
  await using server = new RawServer(async (connection) => {
    await connection.request();
    await connection.write("HTTP/1.1 101 UPGRADED\r\n\r\n");
    await connection.rest();
    gone.resolve();
  });
  const http = new HttpClient(server);
  const stop = new AbortController();
  const upgrade = await http.upgrade(post, stop);
  stop.abort();
  await gone.promise;
  assert.equal(
    upgrade.kind === "upgraded" && await upgrade.stream.read(),
    undefined,
  );
});
