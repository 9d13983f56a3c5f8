import assert from "node:assert/strict";
import { CertificateFiles } from "./certificate_files.ts";
import { TestPki } from "./test_pki.ts";
import type { KeyPair } from "./tls_stream.ts";

const pollMs = 5;

/** Files with a first certificate, a second one, and what was served since. */
async function newFiles() {
  await using scope = new AsyncDisposableStack();
  const pki = scope.use(await TestPki.create());
  const first = await pki.issue({ usage: "serverAuth" });
  const second = await pki.issue({ usage: "serverAuth" });
  const { certificateFile, keyFile: privateKeyFile } = first;
  const options = { certificateFile, privateKeyFile, pollMs };
  const source = await CertificateFiles.open(options);
  const adopted: KeyPair[] = [];
  const tried = Promise.withResolvers<void>();
  const stop = new AbortController();
  const running = source.run((pair) => {
    tried.resolve();
    if (pair.certificate.includes("bad")) return Promise.reject(new Error());
    adopted.push(pair);
    return Promise.resolve();
  }, stop);
  scope.defer(() => running.catch(() => undefined)); // aborted
  scope.defer(() => stop.abort());
  const resources = scope.move();
  return {
    source,
    first,
    second,
    adopted,
    tried: tried.promise,
    write: async ({ certificate, privateKey }: KeyPair) => {
      await Deno.writeTextFile(certificateFile, certificate);
      await Deno.writeTextFile(privateKeyFile, privateKey);
    },
    writeCertificate: (text: string) =>
      Deno.writeTextFile(certificateFile, text),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `not ${what} within 10 s`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

Deno.test("CertificateFiles serves the certificate of changed files", async () => {
  await using files = await newFiles();
  const { source, first, second, adopted } = files;
  assert.equal(source.initial.certificate, first.certificate);
  assert.equal(source.status.condition.reason, "CertificateFile");
  await files.write(second);
  await until("changed", () => adopted.length > 0);
  assert.equal(adopted[0]?.privateKey, second.privateKey);
  await files.write(first);
  await until("changed back", () => adopted.length > 1);
});

Deno.test("CertificateFiles keeps the last certificate while the files do not fit or fail the test", async () => {
  await using files = await newFiles();
  const { second, adopted } = files;
  await files.writeCertificate(second.certificate); // with the key of the first
  await files.writeCertificate("nonsense");
  await files.write({ ...second, certificate: `${second.certificate}bad` });
  await files.tried;
  assert.deepEqual(adopted, []);
  await files.write(second);
  await until("changed", () => adopted.length > 0);
  assert.equal(adopted.length, 1);
});

Deno.test("CertificateFiles.open() rejects a key that is not that of the certificate", async () => {
  await using pki = await TestPki.create();
  const { certificateFile } = await pki.issue();
  const { keyFile: privateKeyFile } = await pki.issue();
  await assert.rejects(
    CertificateFiles.open({ certificateFile, privateKeyFile }),
    /Cannot use ".*crt" with ".*key"/,
  );
});
