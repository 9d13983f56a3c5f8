import assert from "node:assert/strict";
import { type ByteStream, PushbackStream } from "../async/byte_stream.ts";
import { answerRequest, type HttpHandler } from "./http_connection.ts";
import { readHead } from "../async/http_head.ts";

/** A client that has sent `text` and is still there, and what it has got. */
function clientOf(text: string) {
  const received: Uint8Array[] = [];
  const gone = Promise.withResolvers<undefined>();
  let sent: Uint8Array | undefined = new TextEncoder().encode(text);
  const stream: ByteStream = {
    read() {
      const chunk = sent;
      sent = undefined;
      return chunk ? Promise.resolve(chunk) : gone.promise;
    },
    write(bytes) {
      received.push(bytes.slice());
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
    destroy: () => gone.resolve(undefined),
  };
  return {
    stream: new PushbackStream(stream),
    leave: () => gone.resolve(undefined),
    received: () =>
      new TextDecoder().decode(
        new Uint8Array(received.flatMap((bytes) => [...bytes])),
      ),
    largest: () => Math.max(...received.map(({ length }) => length)),
  };
}

async function answer(text: string, handler: HttpHandler) {
  const client = clientOf(text);
  const result = await readHead(client.stream);
  assert.ok(result.kind === "head");
  const { signal } = new AbortController();
  const reusable = await answerRequest(
    ...[client.stream, result.head, handler, { signal }] as const,
  );
  const [head = "", ...body] = client.received().split("\r\n\r\n");
  return {
    reusable,
    head: head.replace(/^date: .*$/m, "date: now").split("\r\n"),
    body: body.join("\r\n\r\n"),
    largest: client.largest(),
  };
}

Deno.test("answerRequest() sends a response in chunks and keeps the connection", async () => {
  const got = await answer(
    "GET /a?b=c HTTP/1.1\r\nHost: n\r\n\r\n",
    (request) => {
      const { pathname, search } = new URL(request.url);
      return new Response(`${request.method} ${pathname}${search}`, {
        headers: { "Content-Type": "text/plain" },
      });
    },
  );
  assert.equal(got.reusable, true);
  assert.deepEqual(got.head, [
    "HTTP/1.1 200 OK",
    "content-type: text/plain",
    "date: now",
    "transfer-encoding: chunked",
  ]);
  assert.equal(got.body, "a\r\nGET /a?b=c\r\n0\r\n\r\n");
});

const ends: [name: string, request: string, response: ResponseInit][] = [
  ["the client asks for it", "GET / HTTP/1.1\r\nConnection: Close\r\n\r\n", {}],
  ["the client speaks HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", {}],
  ["the handler asks for it", "GET / HTTP/1.1\r\n\r\n", {
    headers: { Connection: "close" },
  }],
];
for (const [name, request, response] of ends) {
  Deno.test(`answerRequest() ends the connection when ${name}`, async () => {
    const got = await answer(request, () => new Response("x", response));
    assert.equal(got.reusable, false);
    assert.equal(
      got.head.filter((line) => line === "connection: close").length,
      1,
    );
    assert.equal(
      got.body,
      request.includes("1.0") ? "x" : "1\r\nx\r\n0\r\n\r\n",
    );
  });
}

Deno.test("answerRequest() sends no body for HEAD, and a length of 0 for none", async () => {
  const head = await answer("HEAD / HTTP/1.1\r\n\r\n", () => new Response("x"));
  assert.equal(head.body, "");
  const none = await answer("GET / HTTP/1.1\r\n\r\n", () => new Response(null));
  assert.ok(none.head.includes("content-length: 0"));
  assert.equal(none.body, "");
});

Deno.test("answerRequest() gives the handler a body of the length that the head says", async () => {
  const got = await answer(
    "POST / HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbodyGET",
    async (request) => new Response(`<${await request.text()}>`),
  );
  assert.deepEqual(got.head, ["HTTP/1.1 100 Continue"]);
  assert.match(got.body, /6\r\n<body>\r\n0/);
});

const refused: [name: string, head: string, status: number][] = [
  ["a body without a length", "Transfer-Encoding: chunked", 411],
  ["two lengths", "Content-Length: 4\r\nContent-Length: 5", 400],
  ["a length that is no number", "Content-Length: -1", 400],
  ["a body that is too large", "Content-Length: 1000000", 413],
];
for (const [name, header, status] of refused) {
  Deno.test(`answerRequest() refuses ${name}`, async () => {
    const got = await answer(`POST / HTTP/1.1\r\n${header}\r\n\r\n`, () => {
      throw new Error("was asked");
    });
    assert.match(`${got.head[0]}`, new RegExp(`^HTTP/1.1 ${status} `));
    assert.equal(got.reusable, false);
  });
}

for (
  const request of [
    "CONNECT a:1 HTTP/1.1",
    "TRACE / HTTP/1.1",
  ]
) {
  Deno.test(`answerRequest() refuses ${request}`, async () => {
    const got = await answer(`${request}\r\n\r\n`, () => new Response("x"));
    assert.equal(got.head[0], "HTTP/1.1 400 Bad Request");
  });
}

Deno.test("answerRequest() takes a path for a path, whatever it looks like", async () => {
  const got = await answer(
    "GET //other/pods HTTP/1.1\r\n\r\n",
    ({ url }) => new Response(url),
  );
  assert.match(got.body, /http:\/\/kubelet\/\/other\/pods/);
});

for (const type of ["bytes", undefined] as const) {
  Deno.test(`answerRequest() sends a large ${type ?? "plain"} body in pieces`, async () => {
    const total = 1_000_000;
    let left = total;
    const pull = (controller: ReadableStreamController<Uint8Array>) => {
      if ("byobRequest" in controller && controller.byobRequest?.view) {
        const { view } = controller.byobRequest;
        const count = Math.min(view.byteLength, left);
        new Uint8Array(view.buffer, view.byteOffset, count).fill(120);
        left -= count;
        if (count === 0) controller.close();
        return controller.byobRequest.respond(count);
      }
      if (left === 0) return controller.close();
      controller.enqueue(new Uint8Array(200_000).fill(120));
      left -= 200_000;
    };
    const body = type === "bytes"
      ? new ReadableStream({ type, pull })
      : new ReadableStream({ pull });
    const got = await answer(
      "GET / HTTP/1.1\r\n\r\n",
      () => new Response(body),
    );
    const text = got.body.replaceAll(/[0-9a-f]+\r\n(x*)\r\n/g, "$1");
    assert.equal(text, "x".repeat(total));
    assert.ok(got.largest < 70_000);
  });
}

Deno.test("answerRequest() tells the handler when the client leaves, and cancels the body", async () => {
  const client = clientOf("GET / HTTP/1.1\r\n\r\n");
  const result = await readHead(client.stream);
  assert.ok(result.kind === "head");
  const cancelled = Promise.withResolvers<unknown>();
  let left: AbortSignal | undefined;
  const body = new ReadableStream({ cancel: cancelled.resolve });
  const answering = answerRequest(
    client.stream,
    result.head,
    (_, { signal }) => {
      left = signal;
      return new Response(body);
    },
    new AbortController(),
  );
  client.leave();
  await assert.rejects(answering, /client left/);
  await cancelled.promise;
  assert.equal(left?.aborted, true);
});

Deno.test("answerRequest() breaks a body off that fails, so that nobody takes it for whole", async () => {
  const client = clientOf("GET / HTTP/1.1\r\n\r\n");
  const result = await readHead(client.stream);
  assert.ok(result.kind === "head");
  let pulled = 0;
  const body = new ReadableStream({
    pull(controller) {
      if (pulled++ > 0) return controller.error(new Error("no more"));
      controller.enqueue(new Uint8Array([120]));
    },
  }, { highWaterMark: 0 });
  const response = () => new Response(body);
  await assert.rejects(
    answerRequest(client.stream, result.head, response, new AbortController()),
    /no more/,
  );
  assert.doesNotMatch(client.received(), /0\r\n\r\n$/);
});

Deno.test("answerRequest() leaves nothing behind on the signal of the server", async () => {
  const { signal } = new AbortController();
  let listeners = 0;
  let added = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    added++;
    listeners++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (
    ...args: Parameters<typeof removeEventListener>
  ) => {
    listeners--;
    removeEventListener.apply(signal, args);
  };
  const client = clientOf("GET / HTTP/1.1\r\n\r\n");
  const result = await readHead(client.stream);
  assert.ok(result.kind === "head");
  const handler: HttpHandler = () => new Response("x");
  await answerRequest(client.stream, result.head, handler, { signal });
  // AbortSignal.any() would hold on to the request without a listener.
  assert.deepEqual({ added, listeners }, { added: 2, listeners: 0 });
});
