import assert from "node:assert/strict";
import { type ByteStream, writeConn } from "../async/byte_stream.ts";
import type { ConnectPort } from "../kubelet/streaming/port_forward.ts";
import { servePortForwardSpdy } from "../kubelet/streaming/port_forward_spdy.ts";
import { SpdySession } from "../kubelet/streaming/spdy_session.ts";
import {
  connectLocally,
  echo,
  testPort,
} from "../kubelet/streaming/test_ports.ts";
import { streamPair } from "../kubelet/streaming/test_stream.ts";
import { type ForwardedPort, listenAddresses } from "./forwarded_port.ts";
import { type ForwardOptions, forwardPorts } from "./port_forwarder.ts";

/** A forward to a kubelet that `connect`s; ended when the scope is left. */
class Forward implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #agent = new AbortController();
  readonly #served: Promise<void>[] = [];
  #told: string[] = [];
  #changed = Promise.withResolvers<void>();
  readonly ended: Promise<unknown>;

  constructor(
    ports: readonly ForwardedPort[],
    connect: ConnectPort,
    options: Partial<ForwardOptions> = {},
  ) {
    const tell = (line: string) => {
      this.#told.push(line);
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    };
    this.ended = forwardPorts({
      ports,
      addresses: listenAddresses(["127.0.0.1"]),
      connect: () => Promise.resolve(this.#session(connect)),
      print: tell,
      printError: (line) => tell(`! ${line}`),
      signal: this.#stop.signal,
      ...options,
    }).catch((error: unknown) => error);
  }

  #session(connect: ConnectPort): ByteStream {
    const [here, there] = streamPair();
    if (this.#agent.signal.aborted) throw new Error("No agent runs here");
    this.#served.push(servePortForwardSpdy(
      new SpdySession(there, { role: "server" }),
      connect,
      { signal: this.#agent.signal, pod: "web" },
    ));
    return here;
  }

  /** All lines so far, those of standard error behind an exclamation mark. */
  get told(): readonly string[] {
    return this.#told;
  }

  /** Resolves the first match in what was told. */
  async tells(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      for (const line of this.#told) {
        const match = pattern.exec(line);
        if (match !== null) return match;
      }
      await this.#changed.promise;
    }
  }

  /** The local port that leads to `remote`. */
  async localPort(remote: number): Promise<number> {
    const pattern = new RegExp(`^Forwarding from .*:(\\d+) -> ${remote}\n$`);
    return Number((await this.tells(pattern))[1]);
  }

  stop(): void {
    this.#stop.abort();
  }

  killAgent(): void {
    this.#agent.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await this.ended;
    this.killAgent();
    await Promise.all(this.#served);
  }
}

async function connectTo(port: number): Promise<Deno.TcpConn> {
  return await Deno.connect({ hostname: "127.0.0.1", port });
}

/** Sends `bytes`, ends that side, and resolves what comes back until the end. */
async function ask(port: number, bytes: Uint8Array): Promise<Uint8Array> {
  using conn = await connectTo(port);
  const answer = new Response(conn.readable).bytes();
  await writeConn(conn, bytes);
  await conn.closeWrite();
  return await answer;
}

const refused: ConnectPort = () =>
  Promise.reject(new Deno.errors.ConnectionRefused("nobody listens"));

Deno.test("forwardPorts() carries bytes both ways and each side's end, and tells of it", async () => {
  await using echoing = testPort(echo);
  await using forward = new Forward(
    [{ local: 0, remote: echoing.port }],
    connectLocally,
  );
  const port = await forward.localPort(echoing.port);
  const sent = crypto.getRandomValues(new Uint8Array(50_000));
  assert.deepEqual(await ask(port, sent), sent);
  assert.deepEqual(forward.told, [
    `Forwarding from 127.0.0.1:${port} -> ${echoing.port}\n`,
    `Handling connection for ${port}\n`,
  ]);
});

Deno.test("forwardPorts() gives an answer that begins when the question has ended", async () => {
  await using counting = testPort(async (conn) => {
    let bytes = 0;
    const buffer = new Uint8Array(64 * 1024);
    for (let count; (count = await conn.read(buffer)) !== null;) bytes += count;
    await conn.write(new TextEncoder().encode(String(bytes)));
  });
  await using forward = new Forward(
    [{ local: 0, remote: counting.port }],
    connectLocally,
  );
  const port = await forward.localPort(counting.port);
  const answer = await ask(port, new Uint8Array(3_000_000));
  assert.equal(new TextDecoder().decode(answer), "3000000");
});

Deno.test("forwardPorts() serves many connections, of which one that stands still stops no other", async () => {
  await using echoing = testPort(echo);
  await using forward = new Forward(
    [{ local: 0, remote: echoing.port }],
    connectLocally,
  );
  const port = await forward.localPort(echoing.port);
  using still = await connectTo(port);
  const stuffed = stuff(still); // never read
  const answers = await Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      const sent = new Uint8Array(100_000).fill(i);
      assert.deepEqual(await ask(port, sent), sent);
      return i;
    }),
  );
  assert.equal(answers.length, 20);
  forward.stop();
  await stuffed;
});

async function stuff(conn: Deno.TcpConn): Promise<void> {
  const bytes = new Uint8Array(64 * 1024);
  try {
    for (;;) await conn.write(bytes);
  } catch {
    // closed in the end
  }
}

Deno.test("forwardPorts() leads several ports to theirs", async () => {
  await using one = testPort(async (conn) => {
    await conn.write(new TextEncoder().encode("one"));
  });
  await using two = testPort(async (conn) => {
    await conn.write(new TextEncoder().encode("two"));
  });
  await using forward = new Forward([
    { local: 0, remote: one.port },
    { local: 0, remote: two.port },
  ], connectLocally);
  for (const [{ port }, wanted] of [[one, "one"], [two, "two"]] as const) {
    const answer = await ask(await forward.localPort(port), new Uint8Array());
    assert.equal(new TextDecoder().decode(answer), wanted);
  }
});

Deno.test("forwardPorts() tells why the pod refuses, ends that connection, and goes on", async () => {
  await using forward = new Forward([{ local: 0, remote: 80 }], refused);
  const port = await forward.localPort(80);
  for (let i = 0; i < 2; i++) {
    using conn = await connectTo(port);
    const end = await conn.read(new Uint8Array(1)).catch(() => null);
    assert.equal(end, null);
  }
  const [line] = await forward.tells(/^! .*/);
  assert.equal(
    line,
    `! error: an error occurred forwarding ${port} -> 80: error forwarding port 80 to pod web, uid : nobody listens`,
  );
});

Deno.test("forwardPorts() lets go of the pod when the local side resets", async () => {
  await using echoing = testPort(echo);
  await using forward = new Forward(
    [{ local: 0, remote: echoing.port }],
    connectLocally,
  );
  const conn = await connectTo(await forward.localPort(echoing.port));
  await echoing.untilOpen(1);
  conn.close();
  await echoing.untilOpen(0);
});

Deno.test("forwardPorts() ends a connection when the pod does", async () => {
  await using brief = testPort(async (conn) => {
    await conn.write(new TextEncoder().encode("bye"));
  });
  await using forward = new Forward(
    [{ local: 0, remote: brief.port }],
    connectLocally,
  );
  using conn = await connectTo(await forward.localPort(brief.port));
  const answer = await new Response(conn.readable).text();
  assert.equal(answer, "bye");
});

Deno.test("forwardPorts() resolves when aborted, and closes what it has opened", async () => {
  await using echoing = testPort(echo);
  await using forward = new Forward(
    [{ local: 0, remote: echoing.port }],
    connectLocally,
  );
  const port = await forward.localPort(echoing.port);
  using conn = await connectTo(port);
  await echoing.untilOpen(1);
  forward.stop();
  assert.equal(await forward.ended, undefined);
  const end = await conn.read(new Uint8Array(1)).catch(() => null);
  assert.equal(end, null);
  await assert.rejects(connectTo(port));
  await echoing.untilOpen(0);
});

Deno.test("forwardPorts() rejects when the agent goes away", async () => {
  await using forward = new Forward([{ local: 0, remote: 80 }], refused);
  await forward.localPort(80);
  forward.killAgent();
  const error = await forward.ended;
  assert.ok(error instanceof Error);
  assert.equal(error.message, "lost connection to pod");
});

Deno.test("forwardPorts() tells of a port that is taken, and goes on with the others", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  await using forward = new Forward([
    { local: port, remote: 80 },
    { local: 0, remote: 81 },
  ], refused);
  await forward.localPort(81);
  assert.match(
    forward.told[0] ?? "",
    new RegExp(
      `^! Unable to listen on port ${port}: Listeners failed to create with the following errors: ` +
        `\\[unable to create listener: 127.0.0.1:${port}: Address already in use.*\\]\n$`,
    ),
  );
});

Deno.test("forwardPorts() rejects when no port can be listened on", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  await using forward = new Forward([{ local: port, remote: 80 }], refused);
  const error = await forward.ended;
  assert.ok(error instanceof Error);
  assert.equal(
    error.message,
    `unable to listen on any of the requested ports: [{${port} 80}]`,
  );
});

Deno.test("forwardPorts() is content with one of the two addresses of localhost", async () => {
  await using forward = new Forward([{ local: 0, remote: 80 }], refused, {
    addresses: [
      { hostname: "127.0.0.1", optional: true },
      { hostname: "192.0.2.1", optional: true }, // nobody's: RFC 5737
    ],
  });
  await forward.localPort(80);
  assert.equal(forward.told.length, 1);
});

Deno.test("forwardPorts() rejects as the first connection to the agent does", async () => {
  await using forward = new Forward([{ local: 0, remote: 80 }], refused, {
    connect: () => Promise.reject(new Error("pod not found")),
  });
  const error = await forward.ended;
  assert.ok(error instanceof Error);
  assert.equal(error.message, "pod not found");
});
