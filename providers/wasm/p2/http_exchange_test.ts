import assert from "node:assert/strict";
import { parseAllowedHosts } from "../egress.ts";
import { NameResolver } from "../name_resolver.ts";
import { exchange, type ExchangeRequest } from "./http_exchange.ts";
import { HttpFailure } from "./http_failure.ts";

const { signal } = new AbortController();

Deno.test("exchange() sends a request and gives the response, also a redirect, as it is", async () => {
  await using server = startServer(async (request) => {
    const { pathname } = new URL(request.url);
    const text = `${request.method} ${await request.text()}`;
    return pathname === "/moved"
      ? new Response("", { status: 302, headers: { location: "/" } })
      : new Response(text, { headers: { "x-a": "b" } });
  });
  const body = new Blob(["hello"]).stream();
  const response = await send(server.port, { method: "POST", body });
  assert.equal(response.head.status, 200);
  assert.equal(response.head.headers.get("x-a"), "b");
  assert.equal(await new Response(response.body).text(), "POST hello");
  const moved = await send(server.port, { path: "/moved" });
  assert.equal(moved.head.status, 302);
  await moved.body.cancel();
});

Deno.test("exchange() reaches nobody but whom the policy allows", async () => {
  const port = 9;
  const names = resolver(`127.0.0.1:${port + 1}`);
  assert.equal(await failure(send(port, {}, names)), "HTTP-request-denied");
  const other = resolver(`https://127.0.0.1:${port}`);
  assert.equal(await failure(send(port, {}, other)), "HTTP-request-denied");
});

Deno.test("exchange() gives no name that resolves to this machine a connection", async () => {
  const names = new NameResolver(
    parseAllowedHosts(["evil.example"]),
    undefined,
    () => Promise.resolve(["127.0.0.1"]),
  );
  const result = send(80, { host: "evil.example" }, names);
  assert.equal(await failure(result), "destination-IP-prohibited");
});

Deno.test("exchange() tells what went wrong with a connection", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  assert.equal(await failure(send(port, {})), "connection-refused");
  using raw = new RawServer("nonsense\r\n\r\n");
  assert.equal(await failure(send(raw.port, {})), "HTTP-protocol-error");
  using short = new RawServer(
    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
  );
  const { body } = await send(short.port, {});
  const text = new Response(body).text();
  assert.equal(await failure(text), "HTTP-response-incomplete");
});

Deno.test("exchange() waits as long for the first byte as it is told", async () => {
  using silent = new RawServer(undefined);
  const timeouts = { connect: 5000, firstByte: 50, betweenBytes: 50 };
  const result = send(silent.port, { timeouts });
  assert.equal(await failure(result), "connection-read-timeout");
});

Deno.test("exchange() fails where a body is not as long as it says", async () => {
  await using server = startServer(async (request) =>
    new Response(await request.text())
  );
  const result = send(server.port, {
    method: "POST",
    headers: [["content-length", "9"]],
    body: new Blob(["hello"]).stream(),
  });
  assert.equal(await failure(result), "HTTP-request-body-size");
});

for (const method of ["GET", "HEAD", "POST"]) {
  Deno.test(`exchange() sends an empty body of ${method} as servers expect it`, async () => {
    let encoding: string | null | undefined;
    await using server = startServer((request) => {
      encoding = request.headers.get("transfer-encoding");
      return Promise.resolve(new Response());
    });
    const empty = new Blob([]).stream();
    const response = await send(server.port, { method, body: empty });
    await response.body.cancel();
    assert.equal(encoding, method === "POST" ? "chunked" : null);
  });
}

Deno.test("exchange() sends a body of GET that is not empty", async () => {
  // Deno's own server would not read it.
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const body = new Blob(["hello"]).stream();
  const sending = send(listener.addr.port, { body });
  using conn = await listener.accept();
  let text = "";
  for await (const part of conn.readable.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.endsWith("0\r\n\r\n")) break;
  }
  assert.match(
    text,
    /\r\ntransfer-encoding: chunked\r\n.*\r\n\r\n5\r\nhello\r\n0/s,
  );
  assert.equal(await failure(sending), "HTTP-response-incomplete");
});

Deno.test("exchange() refuses a length that is no number, and has none beside chunks", async () => {
  using odd = new RawServer("HTTP/1.1 200 OK\r\nContent-Length: nine\r\n\r\n");
  assert.equal(await failure(send(odd.port, {})), "HTTP-protocol-error");
  using both = new RawServer(
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n" +
      "5\r\nhello\r\n0\r\n\r\n",
  );
  const { body } = await send(both.port, {});
  assert.equal(await new Response(body).text(), "hello");
});

function resolver(...entries: readonly string[]): NameResolver {
  return new NameResolver(parseAllowedHosts(entries));
}

async function send(
  port: number,
  more: Partial<ExchangeRequest>,
  names = resolver("127.0.0.1"),
) {
  const request = {
    ...{ scheme: "http", host: "127.0.0.1", port, method: "GET" } as const,
    ...{ path: "/", headers: [], authority: "x", body: undefined },
    trailers: () => [],
    timeouts: { connect: 5000, firstByte: 5000, betweenBytes: 5000 },
    ...more,
  };
  return await exchange(request, names, signal);
}

async function failure(result: Promise<unknown>): Promise<string> {
  const error = await result.then(() => undefined, (error) => error);
  assert.ok(error instanceof HttpFailure, `${error}`);
  return error.code.tag;
}

function startServer(handler: (request: Request) => Promise<Response>) {
  const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const server = Deno.serve(options, handler);
  return {
    port: server.addr.port,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Says one thing, whatever it is asked; nothing for undefined. */
class RawServer implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  #conn: Deno.TcpConn | undefined;

  constructor(text: string | undefined) {
    void this.#serve(text);
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async #serve(text: string | undefined): Promise<void> {
    this.#conn = await this.#listener.accept();
    await this.#conn.read(new Uint8Array(4096));
    if (text === undefined) return;
    await this.#conn.write(new TextEncoder().encode(text));
    this.#conn.close();
    this.#conn = undefined;
  }

  [Symbol.dispose](): void {
    this.#conn?.close();
    this.#listener.close();
  }
}
