import assert from "node:assert/strict";
import type { KubeApi, KubeletContext } from "./context.ts";
import { type KubeletServerOptions, startKubeletServer } from "./server.ts";
import { TestPki } from "./test_pki.ts";
import { canVerifyClients } from "./tls_listener.ts";
import type { KeyPair } from "./tls_stream.ts";
import { runningPod } from "./test_pod.ts";

const ignore = !canVerifyClients(Deno.version.deno);
const noCertificates = "2.6.10";

type Backend = KubeletContext["backend"];

/** Knows the token "good"; allows everything to the group "staff". */
function fakeApi(clientCa: () => string | undefined): KubeApi {
  return {
    get<T>() {
      const pem = clientCa();
      return pem === undefined
        ? Promise.reject(new Error("The API server is away"))
        : Promise.resolve({ data: { "client-ca-file": pem } } as T);
    },
    // deno-lint-ignore no-explicit-any
    create<T>(_path: string, { spec }: any) {
      const user = { username: "robot", groups: ["staff"] };
      const status = spec.token === undefined
        ? { allowed: spec.groups.includes("staff") }
        : { authenticated: spec.token === "good", user };
      return Promise.resolve({ status } as T);
    },
  };
}

/** A server with a CA of its own, and clients of it. */
async function newServer(
  options: Partial<KubeletServerOptions> & {
    readonly backend?: Backend;
    /** What the cluster says of its CA; that of the test by default. */
    readonly clusterCa?: () => string | undefined;
  } = {},
) {
  await using scope = new AsyncDisposableStack();
  const pki = scope.use(await TestPki.create());
  const stateDirectory = await Deno.makeTempDir();
  scope.defer(() => Deno.remove(stateDirectory, { recursive: true }));
  const { backend = {}, clusterCa = () => pki.ca, ...more } = options;
  const { signal } = new AbortController();
  const server = scope.use(
    await startKubeletServer({
      nodeName: "n1",
      backend,
      pods: () => [runningPod],
      findPod: () => runningPod,
    }, {
      ...{ hostname: "127.0.0.1", port: 0, stateDirectory, signal },
      certificate: await pki.issue({ usage: "serverAuth" }),
      clientCa: { kind: "cluster" },
      client: fakeApi(clusterCa),
      ...more,
    }),
  );
  const resources = scope.move();
  return {
    pki,
    server,
    /** Opens a response; whoever gets it reads or cancels it. */
    async fetch(
      path: string,
      { pair, token, signal }: {
        readonly pair?: KeyPair;
        readonly token?: string;
        readonly signal?: AbortSignal;
      } = {},
    ) {
      const client = Deno.createHttpClient({
        caCerts: [pki.ca],
        poolMaxIdlePerHost: 0,
        ...(pair && { cert: pair.certificate, key: pair.privateKey }),
      });
      try {
        const url = `https://127.0.0.1:${server.port}${path}`;
        const headers = token ? { Authorization: `Bearer ${token}` } : {};
        return await fetch(url, { client, headers, ...(signal && { signal }) });
      } finally {
        client.close();
      }
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function statusOf(
  answer: Promise<Response>,
): Promise<number | "cut off"> {
  try {
    const response = await answer;
    await response.body?.cancel();
    return response.status;
  } catch (error) {
    assert.ok(error instanceof TypeError, String(error)); // fetch's word for a lost connection
    return "cut off";
  }
}

async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!await condition()) {
    assert.ok(Date.now() < deadline, `not ${what} within 10 s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

Deno.test({
  name:
    "startKubeletServer() lets in who has a certificate or a token, and may",
  ignore,
  fn: async () => {
    await using test = await newServer();
    await using other = await TestPki.create();
    assert.ok(test.server.clientCertificates);
    const pair = await test.pki.issue({ subject: "/O=staff/CN=alice" });
    const guest = await test.pki.issue({ subject: "/O=guests/CN=bob" });
    const foreign = await other.issue({ subject: "/O=staff/CN=alice" });
    const get = (options = {}) => statusOf(test.fetch("/pods", options));
    assert.equal(await get({ pair }), 200);
    assert.equal(await get({ token: "good" }), 200);
    assert.equal(await get({ pair: guest }), 403);
    assert.equal(await get({ token: "bad" }), 401);
    assert.equal(await get(), 401);
    assert.equal(await get({ pair: foreign }), "cut off");
    assert.equal(await get({ pair: foreign, token: "good" }), "cut off");
    assert.equal(await statusOf(test.fetch("/healthz")), 200);
    await until("empty", () => test.server.connections === 0);
  },
});

Deno.test("startKubeletServer() takes tokens only on a runtime that cannot verify clients", async () => {
  await using test = await newServer({ runtimeVersion: noCertificates });
  assert.equal(test.server.clientCertificates, false);
  const pair = await test.pki.issue({ subject: "/O=staff/CN=alice" });
  assert.equal(await statusOf(test.fetch("/pods", { pair })), 401);
  assert.equal(await statusOf(test.fetch("/pods", { token: "good" })), 200);
  assert.equal(await statusOf(test.fetch("/pods", { token: "bad" })), 401);
});

for (const runtimeVersion of [Deno.version.deno, noCertificates]) {
  Deno.test(`startKubeletServer() ends a log that its client has left, as on Deno ${runtimeVersion}`, async () => {
    const over = Promise.withResolvers<void>();
    await using test = await newServer({
      runtimeVersion,
      backend: {
        readLogs: (_, { signal }) => {
          signal.addEventListener("abort", () => over.resolve());
          return new ReadableStream();
        },
      },
    });
    const path = "/containerLogs/default/web/app?follow=true";
    const client = new AbortController();
    const response = await test.fetch(path, {
      token: "good",
      signal: client.signal,
    });
    assert.equal(response.status, 200);
    client.abort();
    await over.promise;
    await assert.rejects(response.text());
    await until("empty", () => test.server.connections === 0);
  });

  Deno.test(`startKubeletServer() answers 200 logs at once, as on Deno ${runtimeVersion}`, async () => {
    const line = new TextEncoder().encode(`${"x".repeat(999)}\n`);
    await using test = await newServer({
      runtimeVersion,
      backend: { readLogs: () => ReadableStream.from(Array(50).fill(line)) },
    });
    const path = "/containerLogs/default/web/app";
    const sizes = await Promise.all(Array.from({ length: 200 }, async () => {
      const response = await test.fetch(path, { token: "good" });
      return (await response.bytes()).length;
    }));
    assert.deepEqual(new Set(sizes), new Set([50_000]));
    await until("empty", () => test.server.connections === 0);
  });

  Deno.test(`startKubeletServer() stops while a log is read, as on Deno ${runtimeVersion}`, async () => {
    const stop = new AbortController();
    await using test = await newServer({
      signal: stop.signal,
      runtimeVersion,
      backend: { readLogs: () => new ReadableStream() },
    });
    const path = "/containerLogs/default/web/app?follow=true";
    const response = await test.fetch(path, { token: "good" });
    stop.abort();
    await test.server.finished();
    await assert.rejects(response.text());
  });
}

Deno.test({
  name:
    "startKubeletServer() believes certificates once the cluster names its CA",
  ignore,
  fn: async () => {
    let away = true;
    await using pki = await TestPki.create();
    const clusterCa = () => away ? undefined : pki.ca;
    await using test = await newServer({ clusterCa });
    const pair = await pki.issue({ subject: "/O=staff/CN=alice" });
    assert.equal(await statusOf(test.fetch("/pods", { pair })), 401);
    assert.equal(await statusOf(test.fetch("/pods", { token: "good" })), 200);
    away = false;
    await until(
      "believed",
      async () => await statusOf(test.fetch("/pods", { pair })) === 200,
    );
  },
});

Deno.test({
  name: "startKubeletServer() rejects when the client CA's file is missing",
  ignore,
  fn: async () => {
    const clientCa = { kind: "file", path: "/nope/ca.crt" } as const;
    await assert.rejects(newServer({ clientCa }), /client CA "\/nope\/ca.crt"/);
  },
});

Deno.test("startKubeletServer() rejects when the port is taken", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  for (const runtimeVersion of [Deno.version.deno, noCertificates]) {
    await assert.rejects(
      newServer({ port, runtimeVersion }),
      new RegExp(`Cannot serve the kubelet API on 127.0.0.1:${port}`),
    );
  }
});
