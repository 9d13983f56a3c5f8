// deno-lint-ignore-file no-non-null-assertion
import assert from "node:assert/strict";
import { untilAborted } from "../async/abort.ts";
import type { Pod } from "../k8s/types.ts";
import { connStream, PushbackStream } from "../async/byte_stream.ts";
import type { KubeApi, KubeletContext } from "./context.ts";
import { readResponseHead } from "../async/http_head.ts";
import { startKubeletServer } from "./server.ts";
import { SpdySession, type SpdyStream } from "./streaming/spdy_session.ts";
import { connectLocally, echo, testPort } from "./streaming/test_ports.ts";
import { within } from "./streaming/test_within.ts";
import { WebSocketConnection } from "./streaming/websocket.ts";
import { TestPki } from "./test_pki.ts";

const web: Pod = {
  metadata: { namespace: "default", name: "web", uid: "u1" },
  spec: { containers: [{ name: "app" }] },
};
const encode = (text: string) => new TextEncoder().encode(text);

type Backend = KubeletContext["backend"];

/** Knows the token "good", which may do everything. */
const api: KubeApi = {
  get: () => Promise.reject(new Error("The API server is away")),
  // deno-lint-ignore no-explicit-any
  create<T>(_path: string, { spec }: any) {
    const status = spec.token === undefined ? { allowed: true } : {
      authenticated: spec.token === "good",
      user: { username: "robot", groups: [] },
    };
    return Promise.resolve({ status } as T);
  },
};

async function newServer(backend: Backend, runtimeVersion: string) {
  await using scope = new AsyncDisposableStack();
  const pki = scope.use(await TestPki.create());
  const stateDirectory = await Deno.makeTempDir();
  scope.defer(() => Deno.remove(stateDirectory, { recursive: true }));
  const { signal } = new AbortController();
  const server = scope.use(
    await startKubeletServer({
      nodeName: "n1",
      backend,
      pods: () => [web],
      findPod: () => web,
    }, {
      ...{ hostname: "127.0.0.1", port: 0, stateDirectory, signal },
      certificate: await pki.issue({ usage: "serverAuth" }),
      client: api,
      runtimeVersion,
    }),
  );
  const resources = scope.move();
  return {
    server,
    /** The answer to a request to switch, and the connection after it. */
    async ask(
      method: string,
      target: string,
      headers: Readonly<Record<string, string>>,
    ) {
      const { port } = server;
      const conn = await Deno.connectTls({
        ...{ hostname: "127.0.0.1", port },
        caCerts: [pki.ca],
      });
      const stream = new PushbackStream(connStream(conn));
      const lines = Object.entries({
        Host: "n1",
        Connection: "Upgrade",
        Authorization: "Bearer good",
        ...headers,
      }).map(([name, value]) => `${name}: ${value}\r\n`).join("");
      const first = `${method} ${target} HTTP/1.1\r\n`;
      await stream.write(encode(`${first}${lines}\r\n`));
      const answer = await within(readResponseHead(stream));
      return { status: answer?.status, stream };
    },
    untilEmpty: () => until(() => server.connections === 0),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

type Server = Awaited<ReturnType<typeof newServer>>;

/** What one client does with an exec or attach, whatever carries it. */
interface Session {
  send(text: string | Uint8Array): Promise<void>;
  end(): Promise<void>;
  /** All of the standard output, and the status. */
  receive(): Promise<{ readonly bytes: number; readonly status: string }>;
  /** Drops the connection. */
  drop(): void;
}

type Open = (server: Server, target: string) => Promise<Session>;

const spdyHeaders = {
  "Upgrade": "SPDY/3.1",
  "X-Stream-Protocol-Version": "v4.channel.k8s.io",
};
const webSocketHeaders = {
  "Upgrade": "websocket",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Protocol": "v5.channel.k8s.io",
};

async function openSpdy(server: Server, target: string): Promise<Session> {
  const { status, stream } = await server.ask("POST", target, spdyHeaders);
  assert.equal(status, 101);
  const session = new SpdySession(stream, { role: "client" });
  const running = session.run(new AbortController());
  const [error, stdin, stdout] = await within(Promise.all(
    ["error", "stdin", "stdout"].map((type) =>
      session.open(new Map([["streamtype", type]]))
    ),
  ));
  async function read(stream: SpdyStream, each: (bytes: Uint8Array) => void) {
    for (let chunk; (chunk = await stream.read()) !== undefined;) each(chunk);
  }
  return {
    async send(text) {
      await stdin!.write(typeof text === "string" ? encode(text) : text);
    },
    end: () => stdin!.end(),
    async receive() {
      let bytes = 0;
      let status = "";
      await within(Promise.all([
        read(stdout!, ({ length }) => bytes += length),
        read(error!, (part) => status += new TextDecoder().decode(part)),
      ]));
      await session.close();
      await running;
      return { bytes, status };
    },
    drop: () => stream.destroy(),
  };
}

async function openWebSocket(
  server: Server,
  target: string,
): Promise<Session> {
  const { status, stream } = await server.ask("GET", target, webSocketHeaders);
  assert.equal(status, 101);
  const ws = new WebSocketConnection(stream, { role: "client" });
  return {
    async send(text) {
      const bytes = typeof text === "string" ? encode(text) : text;
      const message = new Uint8Array(bytes.length + 1);
      message.set(bytes, 1);
      await ws.write(message);
    },
    end: () => ws.write(Uint8Array.of(255, 0)),
    async receive() {
      let bytes = 0;
      let status = "";
      for (let m; (m = await within(ws.read())) !== undefined;) {
        const part = m.data.subarray(1);
        if (m.data[0] === 1) bytes += part.length;
        if (m.data[0] === 3) status += new TextDecoder().decode(part);
      }
      assert.equal(ws.closeCode, 1000);
      await ws.close();
      return { bytes, status };
    },
    drop: () => ws.destroy(),
  };
}

const exec = "/exec/default/web/app?input=1&output=1&command=x";
const clients: Readonly<Record<string, Open>> = {
  "SPDY": openSpdy,
  "WebSocket": openWebSocket,
};

/** The second is how a runtime serves that knows no client certificates. */
for (const version of [Deno.version.deno, "2.6.10"]) {
  for (const [name, open] of Object.entries(clients)) {
    const how = `over ${name}, as on Deno ${version}`;

    Deno.test(`startKubeletServer() carries an exec ${how}`, async () => {
      await using server = await newServer({
        async exec(ref, command, { stdin, stdout }) {
          assert.deepEqual(ref, { podUid: "u1", container: "app" });
          assert.deepEqual(command, ["x"]);
          await stdin!.pipeTo(stdout!, { preventClose: true });
          return 7;
        },
      }, version);
      const session = await open(server, exec);
      const received = session.receive();
      const piece = new Uint8Array(100_000);
      for (let i = 0; i < 50; i++) await within(session.send(piece));
      await session.end();
      const { bytes, status } = await received;
      assert.equal(bytes, 5_000_000);
      assert.match(status, /"reason":"ExitCode","message":"7"/);
      await server.untilEmpty();
    });

    Deno.test(`startKubeletServer() aborts an idle attach that its client has left ${how}`, async () => {
      const aborted = Promise.withResolvers<void>();
      await using server = await newServer({
        async attach(_ref, { signal }) {
          await untilAborted(signal);
          aborted.resolve();
        },
      }, version);
      const target = "/attach/default/web/app?input=1&output=1";
      const session = await open(server, target);
      session.drop();
      await within(aborted.promise);
      await server.untilEmpty();
    });

    Deno.test(`startKubeletServer() stops while a command runs ${how}`, async () => {
      const started = Promise.withResolvers<void>();
      const aborted = Promise.withResolvers<void>();
      let received: Promise<void> | undefined;
      {
        await using server = await newServer({
          async exec(_ref, _command, { signal }) {
            started.resolve();
            await untilAborted(signal);
            aborted.resolve();
            return 137;
          },
        }, version);
        const session = await open(server, exec);
        received = gone(session);
        await within(started.promise);
      }
      await within(aborted.promise);
      await received;
    });
  }

  Deno.test(`startKubeletServer() runs 200 commands at a time, as on Deno ${version}`, async () => {
    let running = 0;
    const everybody = Promise.withResolvers<void>();
    await using server = await newServer({
      async exec(_ref, _command, { stdout }) {
        if (++running === 200) everybody.resolve();
        await everybody.promise;
        await stdout!.getWriter().write(new Uint8Array(10_000));
        return 0;
      },
    }, version);
    const opens = Object.values(clients);
    await Promise.all(Array.from({ length: 200 }, async (_, index) => {
      const session = await opens[index % 2]!(server, exec);
      const { bytes, status } = await session.receive();
      assert.equal(bytes, 10_000);
      assert.match(status, /Success/);
    }));
    await server.untilEmpty();
  });

  Deno.test(`startKubeletServer() forwards a port, as on Deno ${version}`, async () => {
    await using port = testPort(echo);
    await using server = await newServer({
      portForward: (_podUid, port) => connectLocally(port),
    }, version);
    const headers = {
      ...spdyHeaders,
      "X-Stream-Protocol-Version": "portforward.k8s.io",
    };
    const target = "/portForward/default/web/u1";
    const { status, stream } = await server.ask("POST", target, headers);
    assert.equal(status, 101);
    const session = new SpdySession(stream, { role: "client" });
    const running = session.run(new AbortController());
    const [, data] = await within(Promise.all(
      ["error", "data"].map((streamtype) =>
        session.open(
          new Map([
            ["streamtype", streamtype],
            ["port", `${port.port}`],
            ["requestid", "0"],
          ]),
        )
      ),
    ));
    await data!.write(encode("hello"));
    const back = await within(data!.read());
    assert.equal(new TextDecoder().decode(back), "hello");
    stream.destroy();
    await running.catch(() => undefined); // in the middle of a frame or not
    await server.untilEmpty();
    await port.untilOpen(0);
  });
}

Deno.test("startKubeletServer() lets nobody stream who may not", async () => {
  const never = () => assert.fail("it was asked to");
  await using server = await newServer(
    { exec: never, attach: never, portForward: never },
    Deno.version.deno,
  );
  for (const verb of ["exec", "attach"]) {
    const path = `/${verb}/default/web/app?output=1&command=x`;
    const bad = { Authorization: "Bearer bad" };
    const answers = [
      await server.ask("POST", path, { ...spdyHeaders, ...bad }),
      await server.ask("GET", path, { ...webSocketHeaders, ...bad }),
    ];
    for (const { status, stream } of answers) {
      assert.equal(status, 401);
      stream.destroy();
    }
  }
  await server.untilEmpty();
});

/** Reads to the end of a connection that the server has dropped. */
async function gone(session: Session): Promise<void> {
  await session.receive().catch(() => undefined); // cut off
  session.drop();
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, "not within 10 s");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
