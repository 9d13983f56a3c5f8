import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { ApiError } from "../k8s/errors.ts";
import type { KubeApi } from "./context.ts";
import { readKeptPair, writeKeptPair } from "./kept_key_pair.ts";
import { RequestedCertificate } from "./serving_csr.ts";
import { TestPki } from "./test_pki.ts";
import type { KeyPair } from "./tls_stream.ts";

const dayMs = 24 * 60 * 60_000;
const timing = {
  poll: { base: 5, cap: 20 },
  error: { base: 10, cap: 50 },
  refused: { base: 10, cap: 50 },
};

interface Request {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly creationTimestamp: string;
  };
  readonly spec: {
    readonly request: string;
    readonly signerName: string;
    readonly usages: readonly string[];
  };
  status?: object;
}

/** A cluster's requests; `decide` is what happens to each when it comes. */
function newCluster() {
  const requests: Request[] = [];
  const cluster = {
    requests,
    looks: 0,
    refusal: undefined as Error | undefined,
    decide: (_: Request): void | Promise<void> => {},
    api: {} as KubeApi,
  };
  cluster.api = {
    get<T>(path: string) {
      cluster.looks++;
      const found = requests.find(({ metadata }) =>
        path.endsWith(`/certificatesigningrequests/${metadata.name}`)
      );
      return Promise.resolve(structuredClone(found) as T | undefined);
    },
    // deno-lint-ignore no-explicit-any
    async create<T>(_path: string, { metadata, spec }: any) {
      if (cluster.refusal !== undefined) throw cluster.refusal;
      const request: Request = {
        metadata: {
          name: `${metadata.generateName}${requests.length}`,
          uid: crypto.randomUUID(),
          creationTimestamp: new Date().toISOString(),
        },
        spec,
      };
      requests.push(request);
      await cluster.decide(request);
      return request as T;
    },
  };
  return cluster;
}

/** A state directory with a cluster that signs by `pki`, and what was served so far. */
async function newNode() {
  await using scope = new AsyncDisposableStack();
  const pki = scope.use(await TestPki.create());
  const stateDirectory = await Deno.makeTempDir();
  scope.defer(() => Deno.remove(stateDirectory, { recursive: true }));
  const cluster = newCluster();
  const adopted: KeyPair[] = [];
  const open = (options: { addresses?: string[]; api?: KubeApi } = {}) =>
    RequestedCertificate.open({
      ...{ stateDirectory, nodeName: "n1", addresses: ["10.0.0.5"], timing },
      ...{ api: cluster.api, ...options },
    });
  const resources = scope.move();
  return {
    pki,
    cluster,
    adopted,
    open,
    signedFile: join(stateDirectory, "kubelet-serving-signed.pem"),
    approve: async (request: Request, days = 30) => {
      const certificate = await pki.sign(atob(request.spec.request), { days });
      request.status = {
        conditions: [{ type: "Approved", status: "True" }],
        certificate: btoa(certificate),
      };
    },
    /** Lets `source` run until the scope is left. */
    run(
      source: RequestedCertificate,
      adopt = (pair: KeyPair) => {
        adopted.push(pair);
        return Promise.resolve();
      },
    ) {
      const stop = new AbortController();
      const running = source.run(adopt, stop);
      return {
        async [Symbol.asyncDispose]() {
          stop.abort();
          await running;
        },
      };
    },
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

Deno.test("RequestedCertificate serves itself until its request is approved, then what was signed", async () => {
  await using node = await newNode();
  const source = await node.open();
  const first = new X509Certificate(source.initial.certificate);
  assert.match(first.subject, /CN=n1/);
  await using _ = node.run(source);
  await until("pending", () => source.status.condition.reason === "CSRPending");
  const { status, message } = source.status.condition;
  const [request] = node.cluster.requests;
  assert.ok(request);
  assert.equal(status, "False");
  assert.ok(message.endsWith(`certificate approve ${request.metadata.name}`));
  assert.match(request.metadata.name, /^n1-serving-/);
  assert.deepEqual(request.spec.usages, ["digital signature", "server auth"]);
  await node.approve(request);
  await until("signed", () => source.status.condition.status === "True");
  const [pair] = node.adopted;
  assert.ok(pair);
  const issued = new X509Certificate(pair.certificate);
  assert.match(issued.subject, /O=system:nodes/);
  assert.match(issued.subject, /CN=system:node:n1/);
  // Deno 2.6 does not read names.
  const names = issued.subjectAltName ?? "DNS:n1, IP Address:10.0.0.5";
  assert.equal(names, "DNS:n1, IP Address:10.0.0.5");
  const { mode } = await Deno.stat(node.signedFile);
  assert.equal((mode ?? 0) & 0o777, 0o600);
});

Deno.test("RequestedCertificate waits on for the same request after a restart", async () => {
  await using node = await newNode();
  {
    const source = await node.open();
    await using _ = node.run(source);
    await until("pending", () => node.cluster.looks > 0);
  }
  const source = await node.open();
  await using _ = node.run(source);
  const [request] = node.cluster.requests;
  assert.ok(request);
  await node.approve(request);
  await until("signed", () => source.status.condition.status === "True");
  assert.equal(node.cluster.requests.length, 1);
});

Deno.test("RequestedCertificate serves what was signed again after a restart, without asking", async () => {
  await using node = await newNode();
  node.cluster.decide = (request) => node.approve(request);
  {
    const source = await node.open();
    await using _ = node.run(source);
    await until("signed", () => source.status.condition.status === "True");
  }
  const source = await node.open();
  assert.deepEqual(source.initial.privateKey, node.adopted[0]?.privateKey);
  assert.equal(source.status.condition.status, "True");
  assert.equal(
    new X509Certificate(source.initial.certificate).subject.includes("O="),
    true,
  );
  const elsewhere = await node.open({ addresses: ["10.0.0.6"] });
  assert.equal(elsewhere.status.condition.status, "False");
});

Deno.test("RequestedCertificate asks for the next one late in the life of a certificate", async () => {
  await using node = await newNode();
  node.cluster.decide = (request) => node.approve(request);
  {
    const source = await node.open();
    await using _ = node.run(source);
    await until("signed", () => source.status.condition.status === "True");
  }
  const kept = await readKeptPair(node.signedFile);
  assert.ok(kept);
  await writeKeptPair(node.signedFile, {
    ...kept,
    notBefore: new Date(Date.now() - 95 * dayMs),
    notAfter: new Date(Date.now() + 5 * dayMs),
  });
  node.cluster.decide = () => {};
  const source = await node.open();
  assert.deepEqual(source.initial, kept.pair);
  await using _ = node.run(source);
  const message = () => source.status.condition.message;
  await until("asked", () => message().includes("certificate approve"));
  assert.equal(source.status.condition.status, "True");
  const next = node.cluster.requests.at(-1);
  assert.ok(next);
  await node.approve(next);
  await until("renewed", () => node.adopted.length === 2);
  await until("told", () => !message().includes("approve"));
  assert.notEqual(node.adopted[1]?.privateKey, kept.pair.privateKey);
});

Deno.test("RequestedCertificate falls back to its own when the signed one has expired", async () => {
  await using node = await newNode();
  node.cluster.decide = (request) => node.approve(request);
  {
    const source = await node.open();
    await using _ = node.run(source);
    await until("signed", () => source.status.condition.status === "True");
  }
  const kept = await readKeptPair(node.signedFile);
  assert.ok(kept);
  const notAfter = new Date(Date.now() + 500);
  await writeKeptPair(node.signedFile, { ...kept, notAfter });
  node.cluster.decide = () => {};
  const source = await node.open();
  assert.deepEqual(source.initial, kept.pair);
  await using _ = node.run(source);
  await until("fallen back", () => node.adopted.length === 2);
  await until("asked", () => source.status.condition.reason === "CSRPending");
});

const refusals = {
  CSRDenied: { type: "Denied", reason: "KubectlDeny", message: "by hand" },
  CSRFailed: { type: "Failed", reason: "SignerValidationFailure" },
};
for (const [reason, condition] of Object.entries(refusals)) {
  Deno.test(`RequestedCertificate says ${reason} and asks anew`, async () => {
    await using node = await newNode();
    const { cluster } = node;
    cluster.decide = async (request) => {
      if (cluster.requests.length > 2) return await node.approve(request);
      request.status = { conditions: [{ ...condition, status: "True" }] };
    };
    const source = await node.open();
    const reasons = new Set<string>();
    const { signal } = new AbortController();
    await using _ = node.run(source);
    for await (const _ of source.status.changes({ signal })) {
      reasons.add(source.status.condition.reason);
      if (source.status.condition.status === "True") break;
    }
    assert.ok(reasons.has(reason), [...reasons].join());
    assert.equal(cluster.requests.length, 3);
    const keys = new Set(cluster.requests.map(({ spec }) => spec.request));
    assert.equal(keys.size, 3);
  });
}

Deno.test("RequestedCertificate says when it may not ask, and asks once it may", async () => {
  await using node = await newNode();
  const { cluster } = node;
  cluster.decide = (request) => node.approve(request);
  cluster.refusal = new ApiError("POST /csr", {
    ...{ code: 403, reason: "Forbidden", message: "not you" },
  });
  const source = await node.open();
  await using _ = node.run(source);
  await until("told", () => source.status.condition.reason === "CSRForbidden");
  cluster.refusal = new Error("no route");
  const reason = () => source.status.condition.reason;
  await until("told again", () => reason() === "CSRUnavailable");
  cluster.refusal = undefined;
  await until("signed", () => source.status.condition.status === "True");
});

Deno.test("RequestedCertificate asks anew when its request was deleted", async () => {
  await using node = await newNode();
  const { cluster } = node;
  const source = await node.open();
  await using _ = node.run(source);
  await until("pending", () => source.status.condition.reason === "CSRPending");
  cluster.decide = (request) => node.approve(request);
  cluster.requests.length = 0;
  await until("signed", () => source.status.condition.status === "True");
});

Deno.test("RequestedCertificate does not serve what was signed for another key", async () => {
  await using node = await newNode();
  const { cluster } = node;
  cluster.decide = async (request) => {
    if (cluster.requests.length > 1) return await node.approve(request);
    const { certificate } = await node.pki.issue({ usage: "serverAuth" });
    request.status = { certificate: btoa(certificate) };
  };
  const source = await node.open();
  await using _ = node.run(source);
  await until("signed", () => source.status.condition.status === "True");
  assert.equal(node.adopted.length, 1);
  assert.equal(cluster.requests.length, 2);
});

Deno.test("RequestedCertificate keeps what it has when the new one fails its test", async () => {
  await using node = await newNode();
  node.cluster.decide = (request) => node.approve(request);
  const source = await node.open();
  const adopt = () => Promise.reject(new Error("the self-test fails"));
  await using _ = node.run(source, adopt);
  const reason = () => source.status.condition.reason;
  await until("told", () => reason() === "CSRFailed");
  assert.match(source.status.condition.message, /the self-test fails/);
});

Deno.test("RequestedCertificate asks nobody without an API client", async () => {
  await using node = await newNode();
  const source = await RequestedCertificate.open({
    stateDirectory: join(node.signedFile, ".."),
    nodeName: "n1",
    addresses: ["10.0.0.5"],
  });
  await using _running = node.run(source);
  assert.equal(source.status.condition.reason, "SelfSigned");
  assert.equal(node.cluster.requests.length, 0);
});
