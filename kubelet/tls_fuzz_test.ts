import assert from "node:assert/strict";
import fc from "fast-check";
import { startKubeletServer } from "./server.ts";
import { TestPki } from "./test_pki.ts";

const seed = 20_260_101;
const limits = { handshakeMs: 2000, headMs: 2000 };

/** A server that gives up on newcomers soon, and a client that it knows. */
async function newServer(runtimeVersion: string) {
  await using scope = new AsyncDisposableStack();
  const pki = scope.use(await TestPki.create());
  const stateDirectory = await Deno.makeTempDir();
  scope.defer(() => Deno.remove(stateDirectory, { recursive: true }));
  const { signal } = new AbortController();
  const server = scope.use(
    await startKubeletServer({
      ...{ nodeName: "n1", backend: {}, pods: () => [] },
      findPod: () => undefined,
    }, {
      ...{ hostname: "127.0.0.1", port: 0, stateDirectory, signal, limits },
      certificate: await pki.issue({ usage: "serverAuth" }),
      clientCa: { kind: "cluster" },
      client: {
        get: <T>() =>
          Promise.resolve({ data: { "client-ca-file": pki.ca } } as T),
        create: <T>() =>
          Promise.resolve({
            status: {
              authenticated: true,
              allowed: true,
              user: { username: "r" },
            },
          } as T),
      },
      runtimeVersion,
    }),
  );
  const client = Deno.createHttpClient({
    ...{ caCerts: [pki.ca], poolMaxIdlePerHost: 0 },
  });
  scope.defer(() => client.close());
  const resources = scope.move();
  return {
    server,
    /** What a well-behaved client gets. */
    async ask(): Promise<number> {
      const url = `https://127.0.0.1:${server.port}/pods`;
      const headers = { Authorization: "Bearer good" };
      const response = await fetch(url, { client, headers });
      await response.body?.cancel();
      return response.status;
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** The first bytes of a real client: a whole ClientHello. */
async function clientHello(): Promise<Uint8Array> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connecting = Deno.connectTls({
    ...{ hostname: "127.0.0.1", port: listener.addr.port },
  });
  using conn = await listener.accept();
  const buffer = new Uint8Array(16_384);
  const count = await conn.read(buffer) ?? 0;
  const refused = connecting.then(async (tls) => {
    using _ = tls;
    await tls.handshake();
  });
  conn.close();
  await refused.catch(() => undefined); // nobody answers it
  return buffer.slice(0, count);
}

/** What a client does wrong: the bytes it sends, and how it leaves. */
interface Nuisance {
  readonly bytes: Uint8Array;
  readonly leaving: "at once" | "after the answer" | "half";
}

function nuisances(hello: Uint8Array): fc.Arbitrary<Nuisance> {
  const bytes = fc.uint8Array({ maxLength: 2000 });
  const record = fc.tuple(
    fc.constantFrom(20, 21, 22, 23, 24, 128, 0),
    fc.constantFrom(0x0301, 0x0303, 0x0304, 0x0002, 0xffff),
    fc.nat(0xffff),
    bytes,
  ).map(([type, version, length, body]) =>
    new Uint8Array([
      ...[type, version >> 8, version & 255, length >> 8, length & 255],
      ...body,
    ])
  );
  const truncated = fc.nat(hello.length).map((end) => hello.slice(0, end));
  const changed = fc.tuple(fc.nat(hello.length - 1), fc.nat(255)).map(
    ([at, value]) => hello.with(at, value),
  );
  // A second ClientHello, records of a session that was never made, alerts.
  const half = fc.oneof(record, bytes, fc.constant(hello)).map((more) =>
    new Uint8Array([...hello, ...more])
  );
  const plain = fc.constantFrom(
    "GET /pods HTTP/1.1\r\nHost: n1\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  ).map((text) => new TextEncoder().encode(text));
  return fc.record({
    bytes: fc.oneof(bytes, record, truncated, changed, half, plain),
    leaving: fc.constantFrom("at once", "after the answer", "half"),
  });
}

async function annoy(
  port: number,
  { bytes, leaving }: Nuisance,
): Promise<void> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  try {
    for (let sent = 0; sent < bytes.length;) {
      sent += await conn.write(bytes.subarray(sent));
    }
    if (leaving === "at once") return;
    if (leaving === "half") await conn.closeWrite();
    const buffer = new Uint8Array(16_384);
    while (await conn.read(buffer) !== null);
  } catch (error) {
    // The server hung up first, which is its right.
    if (
      !(error instanceof Deno.errors.ConnectionReset) &&
      !(error instanceof Deno.errors.BrokenPipe) &&
      !(error instanceof Deno.errors.NotConnected)
    ) throw error;
  }
}

async function openFiles(): Promise<number> {
  return (await Array.fromAsync(Deno.readDir("/proc/self/fd"))).length;
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `not ${what} within 10 s`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Runs `work` in `width` lanes, while a good client asks all the time. */
async function besidesGoodClient(
  ask: () => Promise<number>,
  lanes: readonly (() => Promise<void>)[],
): Promise<void> {
  let busy = true;
  const statuses = new Set<number>();
  const asking = async () => {
    do statuses.add(await ask()); while (busy);
  };
  const annoying = Promise.all(lanes.map((lane) => lane()))
    .finally(() => busy = false);
  await Promise.all([asking(), annoying]);
  assert.deepEqual([...statuses], [200]);
}

for (const runtimeVersion of [Deno.version.deno, "2.6.10"]) {
  Deno.test(`startKubeletServer() survives bytes that are no handshake, as on Deno ${runtimeVersion}`, async () => {
    await using test = await newServer(runtimeVersion);
    const { port } = test.server;
    const samples = fc.sample(nuisances(await clientHello()), {
      ...{ seed, numRuns: 300 },
    });
    await test.ask();
    const before = await openFiles();
    const lanes = Array.from({ length: 60 }, () => async () => {
      for (let next = samples.pop(); next; next = samples.pop()) {
        await annoy(port, next);
      }
    });
    await besidesGoodClient(test.ask, lanes);
    await until("empty", () => test.server.connections === 0);
    assert.ok(await openFiles() <= before + 2);
    assert.equal(await test.ask(), 200);
  });

  Deno.test(`startKubeletServer() forgets hundreds of quick clients, as on Deno ${runtimeVersion}`, async () => {
    await using test = await newServer(runtimeVersion);
    const { port } = test.server;
    const knock = async (times: number) => {
      const lanes = Array.from({ length: 16 }, () => async () => {
        for (let i = 0; i < times / 16; i++) {
          (await Deno.connect({ hostname: "127.0.0.1", port })).close();
        }
      });
      await besidesGoodClient(test.ask, lanes);
      await until("empty", () => test.server.connections === 0);
    };
    await knock(240);
    const files = await openFiles();
    const memory = Deno.memoryUsage().heapUsed;
    await knock(960);
    assert.ok(await openFiles() <= files + 2);
    const grown = (Deno.memoryUsage().heapUsed - memory) / 2 ** 20;
    assert.ok(grown < 40, `the heap has grown by ${grown} MiB`);
    assert.equal(await test.ask(), 200);
  });
}
