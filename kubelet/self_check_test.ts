import assert from "node:assert/strict";
import { selfCheck } from "./self_check.ts";
import { TestPki } from "./test_pki.ts";
import { canVerifyClients } from "./tls_listener.ts";
import { acceptTls, type TlsPeer } from "./tls_stream.ts";

const ignore = !canVerifyClients(Deno.version.deno);
const { signal } = new AbortController();

async function newCase() {
  const pki = await TestPki.create();
  const other = await TestPki.create();
  const serving = await pki.issue({ usage: "serverAuth" });
  return {
    identity: { serving, clientCa: pki.ca },
    foreign: await other.issue(),
    own: await pki.issue(),
    async [Symbol.asyncDispose]() {
      await pki[Symbol.asyncDispose]();
      await other[Symbol.asyncDispose]();
    },
  };
}

Deno.test({
  name: "selfCheck() is content when strangers are strangers",
  ignore,
  fn: async () => {
    await using test = await newCase();
    const { identity, foreign } = test;
    await selfCheck(identity, { foreign, signal });
    await selfCheck({ ...identity, clientCa: undefined }, { foreign, signal });
  },
});

Deno.test({
  name: "selfCheck() rejects when the foreign certificate counts",
  ignore,
  fn: async () => {
    await using test = await newCase();
    await assert.rejects(
      selfCheck(test.identity, { foreign: test.own, signal }),
      /a certificate of a foreign CA counts as verified/,
    );
  },
});

Deno.test({
  name: "selfCheck() rejects when a client without certificate counts",
  ignore,
  fn: async () => {
    await using test = await newCase();
    const { identity, foreign } = test;
    const everybody: TlsPeer = {
      kind: "verified",
      commonName: "x",
      organizations: [],
    };
    const accept: typeof acceptTls = async (...met) => ({
      ...await acceptTls(...met),
      peer: everybody,
    });
    await assert.rejects(
      selfCheck(identity, { foreign, accept, signal }),
      /a client without a certificate counts as verified/,
    );
  },
});

Deno.test({
  name: "selfCheck() rejects when the key is not that of the certificate",
  ignore,
  fn: async () => {
    await using test = await newCase();
    const { identity, foreign, own } = test;
    const { privateKey } = own;
    const serving = { ...identity.serving, privateKey };
    await assert.rejects(
      selfCheck({ ...identity, serving }, { foreign, signal }),
      /the handshake with a client without a certificate fails/,
    );
  },
});
