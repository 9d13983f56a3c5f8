import assert from "node:assert/strict";
import { FreshIdentity, type FreshIdentityOptions } from "./tls_identity.ts";
import type { KeyPair, TlsIdentity } from "./tls_stream.ts";

const { signal } = new AbortController();

function pair(name: string): KeyPair {
  return { certificate: name, privateKey: name };
}

/** An identity whose tests do what `check` says. */
async function newIdentity(check: FreshIdentityOptions["check"]) {
  return await FreshIdentity.load({
    serving: pair("first"),
    clientCa: undefined,
    client: undefined,
    foreign: pair("foreign"),
    ...(check !== undefined && { check }),
  }, { signal });
}

Deno.test("FreshIdentity does not load when the self-test finds strangers let in", async () => {
  await assert.rejects(
    newIdentity(() => Promise.reject(new Error("strangers count"))),
    /strangers count/,
  );
});

Deno.test("FreshIdentity serves a new certificate only once it has passed the self-test", async () => {
  const tested: string[] = [];
  const passing = Promise.withResolvers<void>();
  const identity = await newIdentity(async ({ serving }) => {
    tested.push(serving.certificate);
    if (serving.certificate === "bad") throw new Error("strangers count");
    if (serving.certificate === "good") await passing.promise;
  });
  await assert.rejects(identity.serve(pair("bad"), { signal }), /strangers/);
  assert.equal(identity.current.serving.certificate, "first");
  const served = identity.serve(pair("good"), { signal });
  await Promise.resolve();
  assert.equal(identity.current.serving.certificate, "first");
  passing.resolve();
  await served;
  assert.equal(identity.current.serving.certificate, "good");
  assert.deepEqual(tested, ["first", "bad", "good"]);
});

Deno.test("FreshIdentity tests changes that come together one after the other, each with the last", async () => {
  const tested: TlsIdentity[] = [];
  const identity = await newIdentity((identity) => {
    tested.push(identity);
    return Promise.resolve();
  });
  await Promise.all([
    identity.serve(pair("a"), { signal }),
    identity.serve(pair("b"), { signal }),
  ]);
  assert.equal(identity.current.serving.certificate, "b");
  assert.deepEqual(
    tested.map(({ serving }) => serving.certificate),
    ["first", "a", "b"],
  );
});
