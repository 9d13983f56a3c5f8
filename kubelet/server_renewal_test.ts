import assert from "node:assert/strict";
import type { AdoptCertificate } from "./certificate_source.ts";
import { startKubeletServer } from "./server.ts";
import { TestPki } from "./test_pki.ts";
import { runningPod } from "./test_pod.ts";

/** A server whose logs are what a test says, and whose certificate changes when a test says. */
async function newServer(runtimeVersion: string) {
  await using scope = new AsyncDisposableStack();
  const pki = scope.use(await TestPki.create());
  const stateDirectory = await Deno.makeTempDir();
  scope.defer(() => Deno.remove(stateDirectory, { recursive: true }));
  const say = Promise.withResolvers<(line: string) => void>();
  const adopt = Promise.withResolvers<AdoptCertificate>();
  const { signal } = new AbortController();
  const server = scope.use(
    await startKubeletServer({
      nodeName: "n1",
      backend: {
        readLogs: () =>
          new ReadableStream({
            start: (c) =>
              say.resolve((line) => c.enqueue(new TextEncoder().encode(line))),
          }),
      },
      pods: () => [runningPod],
      findPod: () => runningPod,
    }, {
      ...{ hostname: "127.0.0.1", port: 0, stateDirectory, signal },
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
              user: { username: "robot" },
            },
          } as T),
      },
      renewals(adoptCertificate, { signal }) {
        adopt.resolve(adoptCertificate);
        return new Promise((resolve) =>
          signal.addEventListener("abort", () => resolve())
        );
      },
      runtimeVersion,
    }),
  );
  const resources = scope.move();
  return {
    pki,
    say: say.promise,
    adopt: await adopt.promise,
    /** The certificate that a new client is shown, PEM. */
    shown: () => shownBy(server.port),
    follow: () => follow(server.port, pki.ca),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** The certificate of a server, PEM, asked by openssl: node:tls of Deno 2.6 does not tell. */
async function shownBy(port: number): Promise<string> {
  const args = ["s_client", "-connect", `127.0.0.1:${port}`];
  const { stdout } = await new Deno.Command("openssl", {
    ...{ args, stdin: "null", stderr: "null" },
  }).output();
  const [certificate] = /-----BEGIN CERTIFICATE-----[^]*?-----END[^\n]*/
    .exec(new TextDecoder().decode(stdout)) ?? [];
  assert.ok(certificate, "the handshake failed");
  return certificate;
}

/** Opens a log that never ends; the lines as they come. */
async function follow(port: number, ca: string) {
  const client = Deno.createHttpClient({
    ...{ caCerts: [ca], poolMaxIdlePerHost: 0 },
  });
  const path = "/containerLogs/default/web/app?follow=true";
  const response = await fetch(`https://127.0.0.1:${port}${path}`, {
    client,
    headers: { Authorization: "Bearer good" },
  });
  client.close();
  const lines = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  assert.ok(lines);
  return lines;
}

for (const runtimeVersion of [Deno.version.deno, "2.6.10"]) {
  Deno.test(`startKubeletServer() shows a new certificate to new clients and keeps old ones, as on Deno ${runtimeVersion}`, async () => {
    await using test = await newServer(runtimeVersion);
    const before = await test.shown();
    const lines = await test.follow();
    const say = await test.say;
    say("one");
    assert.equal((await lines.read()).value, "one");
    for (let i = 0; i < 3; i++) {
      const next = await test.pki.issue({ usage: "serverAuth" });
      await test.adopt(next);
      const shown = await test.shown();
      assert.equal(shown, next.certificate.trim());
      assert.notEqual(shown, before);
      say(`still ${i}`);
      assert.equal((await lines.read()).value, `still ${i}`);
    }
    await lines.cancel();
  });

  Deno.test(`startKubeletServer() keeps its certificate when the new one is unusable, as on Deno ${runtimeVersion}`, async () => {
    await using test = await newServer(runtimeVersion);
    const before = await test.shown();
    const next = await test.pki.issue({ usage: "serverAuth" });
    const { privateKey } = await test.pki.issue();
    await assert.rejects(test.adopt({ ...next, privateKey }));
    await assert.rejects(test.adopt({ ...next, certificate: "nonsense" }));
    assert.equal(await test.shown(), before);
    const lines = await test.follow();
    await lines.cancel();
  });
}

Deno.test("startKubeletServer() refuses no client while its certificate changes, as on Deno 2.6.10", async () => {
  await using test = await newServer("2.6.10");
  const one = await test.pki.issue({ usage: "serverAuth" });
  const other = await test.pki.issue({ usage: "serverAuth" });
  let changing = true;
  const changes = (async () => {
    for (let i = 0; i < 8; i++) {
      await test.adopt(i % 2 === 0 ? one : other);
      await test.shown();
    }
    changing = false;
  })();
  while (changing) await test.shown();
  await changes;
  assert.equal(await test.shown(), other.certificate.trim());
});
