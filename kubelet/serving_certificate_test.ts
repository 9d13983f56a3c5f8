import assert from "node:assert/strict";
import { join } from "node:path";
import {
  foreignClientCertificate,
  readKeyPair,
  selfSignedServingCertificate,
} from "./serving_certificate.ts";

const dayMs = 24 * 60 * 60_000;
const now = new Date("2026-01-01T00:00:00Z");

/** A state directory, and what openssl says of the certificate in it. */
async function newState() {
  const parent = await Deno.makeTempDir();
  const stateDirectory = join(parent, "state");
  const file = join(stateDirectory, "kubelet-serving.pem");
  return {
    file,
    issue: (options: { addresses?: string[]; now?: Date } = {}) =>
      selfSignedServingCertificate({
        ...{ stateDirectory, nodeName: "n1", addresses: ["10.0.0.5"], now },
        ...options,
      }),
    foreign: () => foreignClientCertificate(stateDirectory, now),
    async text(): Promise<string> {
      const args = ["x509", "-in", file, "-noout", "-text"];
      const { stdout } = await new Deno.Command("openssl", { args }).output();
      return new TextDecoder().decode(stdout);
    },
    [Symbol.asyncDispose]: () => Deno.remove(parent, { recursive: true }),
  };
}

Deno.test("selfSignedServingCertificate() names the node, its addresses and localhost", async () => {
  await using state = await newState();
  await state.issue({ addresses: ["10.0.0.5", "FD00:0::1", "n1.example"] });
  const text = await state.text();
  assert.match(text, /Subject: CN = n1\n/);
  assert.match(text, /TLS Web Server Authentication/);
  assert.match(text, /prime256v1/);
  const names = /Alternative Name: \n *(.*)\n/.exec(text)?.[1]?.split(", ");
  assert.deepEqual(names?.sort(), [
    "DNS:localhost",
    "DNS:n1",
    "DNS:n1.example",
    "IP Address:10.0.0.5",
    "IP Address:127.0.0.1",
    "IP Address:FD00:0:0:0:0:0:0:1",
  ]);
});

Deno.test("selfSignedServingCertificate() keeps its key from others", async () => {
  await using state = await newState();
  await state.issue();
  const modes = [state.file, join(state.file, "..")].map((path) =>
    (Deno.statSync(path).mode ?? 0) & 0o777
  );
  assert.deepEqual(modes, [0o600, 0o700]);
});

Deno.test("selfSignedServingCertificate() is the same again until 80 % of its life", async () => {
  await using state = await newState();
  const first = await state.issue();
  const after = (days: number) => ({
    now: new Date(now.getTime() + days * dayMs),
  });
  assert.deepEqual(await state.issue(after(291)), first);
  const next = await state.issue(after(293));
  assert.notEqual(next.certificate, first.certificate);
  assert.deepEqual(await state.issue(after(293)), next);
});

Deno.test("selfSignedServingCertificate() is a new one when names change", async () => {
  await using state = await newState();
  const first = await state.issue({ addresses: ["fd00::1"] });
  assert.deepEqual(await state.issue({ addresses: ["FD00:0::1"] }), first);
  const next = await state.issue({ addresses: ["fd00::2"] });
  assert.notEqual(next.certificate, first.certificate);
});

Deno.test("selfSignedServingCertificate() replaces a damaged file", async () => {
  await using state = await newState();
  const first = await state.issue();
  const text = await Deno.readTextFile(state.file);
  await Deno.writeTextFile(state.file, text.slice(0, -100));
  assert.notEqual((await state.issue()).certificate, first.certificate);
});

Deno.test("foreignClientCertificate() is not the serving certificate, and stays", async () => {
  await using state = await newState();
  const foreign = await state.foreign();
  assert.deepEqual(await state.foreign(), foreign);
  assert.notEqual((await state.issue()).certificate, foreign.certificate);
});

Deno.test("readKeyPair() says which file it cannot use", async () => {
  await using state = await newState();
  const { privateKey } = await state.issue();
  const key = `${state.file}.key`;
  await Deno.writeTextFile(key, privateKey);
  const pair = await readKeyPair(state.file, key);
  assert.equal(pair.privateKey, privateKey);
  await assert.rejects(readKeyPair(key, key), /Cannot use ".*key": it has no/);
  await assert.rejects(readKeyPair("/nope", key), /Cannot read "\/nope"/);
});
