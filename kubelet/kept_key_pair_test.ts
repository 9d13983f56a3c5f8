import assert from "node:assert/strict";
import { join } from "node:path";
import {
  keyPairValidity,
  livedPart,
  readKeptPair,
  renewalTime,
  writeKeptPair,
} from "./kept_key_pair.ts";
import { TestPki } from "./test_pki.ts";

const dayMs = 24 * 60 * 60_000;

Deno.test("readKeptPair() gives what writeKeptPair() wrote, with a chain, and nothing else", async () => {
  await using pki = await TestPki.create();
  const { certificate, privateKey } = await pki.issue();
  const pair = { certificate: `${certificate}${pki.ca}`.trimEnd(), privateKey };
  const dir = await Deno.makeTempDir();
  try {
    const file = join(dir, "state", "pair.pem");
    assert.equal(await readKeptPair(file), undefined);
    const { notBefore, notAfter } = keyPairValidity(pair);
    const kept = { names: '{"name":"CN=n1"}', notBefore, notAfter, pair };
    await writeKeptPair(file, kept);
    const found = await readKeptPair(file);
    const same = { ...kept, pair: { ...pair, privateKey: privateKey.trim() } };
    assert.deepEqual(found, same);
    await Deno.writeTextFile(file, "nonsense");
    assert.equal(await readKeptPair(file), undefined);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("keyPairValidity() reads the times of a certificate, and refuses the key of another", async () => {
  await using pki = await TestPki.create();
  const pair = await pki.issue({ days: 10 });
  const { notBefore, notAfter } = keyPairValidity(pair);
  assert.equal(notAfter.getTime() - notBefore.getTime(), 10 * dayMs);
  assert.ok(Math.abs(Date.now() - notBefore.getTime()) < 60_000);
  const { privateKey } = await pki.issue();
  assert.throws(
    () => keyPairValidity({ ...pair, privateKey }),
    /is not that of/,
  );
});

Deno.test("livedPart() is 0 to 1 in the life of a certificate", () => {
  const validity = { notBefore: new Date(1000), notAfter: new Date(2000) };
  const parts = [500, 1000, 1800, 2500].map((time) =>
    livedPart(validity, new Date(time))
  );
  assert.deepEqual(parts, [-0.5, 0, 0.8, 1.5]);
});

Deno.test("renewalTime() is between 70 and 90 % of a certificate's life", () => {
  const validity = { notBefore: new Date(0), notAfter: new Date(1e6) };
  const at = (random: number) => renewalTime(validity, () => random).getTime();
  assert.deepEqual([0, 0.5, 0.75].map(at), [700_000, 800_000, 850_000]);
});
