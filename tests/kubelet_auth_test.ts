import assert from "node:assert/strict";
import { join } from "node:path";
import { type LeafOptions, TestPki } from "../kubelet/test_pki.ts";
import {
  grant,
  type KubeletStage,
  kubeletStageMissing,
  startKubeletStage,
} from "./kubelet_stage.ts";
import { needing } from "./needing.ts";
import { resignedToken } from "./resigned_token.ts";
import { withStolenCertificate } from "./stolen_certificate.ts";

/** `401` and `403`; `cut off`: no answer at all; `in`: whatever else the route answers. */
type Outcome = "401" | "403" | "cut off" | "in";

/** How a client shows who it is: arguments of curl. */
type Credentials = readonly string[];

const logs = "/containerLogs/default/web/app";
const exec = "/exec/default/web/app?command=true&output=1";

/** Each way to ask for something; `upgrade` is never to be answered with 101 to who may not. */
const requests: Readonly<
  Record<string, readonly [path: string, ...args: string[]]>
> = {
  "logs": [logs],
  "pods": ["/pods"],
  "exec over SPDY": [
    exec,
    ...["-X", "POST", "-H", "Connection: Upgrade", "-H", "Upgrade: SPDY/3.1"],
    ...["-H", "X-Stream-Protocol-Version: v4.channel.k8s.io"],
  ],
  "exec over WebSocket": [
    exec,
    ...["-H", "Connection: Upgrade", "-H", "Upgrade: websocket"],
    ...["-H", "Sec-WebSocket-Version: 13"],
    ...["-H", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="],
    ...["-H", "Sec-WebSocket-Protocol: v5.channel.k8s.io"],
  ],
};

Deno.test({
  ...needing(
    kubeletStageMissing(),
    "Who may do what with the kubelet API, behind a real API server",
  ),
  fn: async (t) => {
    await using node = await startKubeletStage();
    const { cluster } = node;
    await using pki = await TestPki.of(join(cluster.dir, "pki"));
    await using foreign = await TestPki.create();
    for (const name of ["robot", "stranger"]) {
      await cluster.kubectl(["create", "serviceaccount", name]);
    }
    const robot = {
      kind: "ServiceAccount",
      name: "robot",
      namespace: "default",
    };
    await grant(node, "robots", robot, {
      ...{ resources: ["nodes/proxy"], verbs: ["get", "create"] },
    });
    await t.step(
      "each client, over each kind of request",
      (t) => everybody(node, { pki, foreign }, t),
    );
    await t.step(
      "each permission opens its routes and no others",
      (t) => permissions(node, pki, t),
    );
    await t.step(
      "a stolen certificate without its key is of no use",
      () => stolen(node, pki),
    );
    await t.step("everybody sees /healthz and nothing below it", async () => {
      assert.equal(await outcome(node, ["/healthz"], []), "in");
      assert.equal(await outcome(node, ["/healthz/ping"], []), "401");
    });
  },
});

async function everybody(
  node: KubeletStage,
  { pki, foreign }: { readonly pki: TestPki; readonly foreign: TestPki },
  t: Deno.TestContext,
): Promise<void> {
  const master = { subject: "/O=system:masters/CN=root" };
  const certificate = (ca: TestPki, leaf: LeafOptions) => async () => {
    const { certificateFile, keyFile } = await ca.issue(leaf);
    return ["--cert", certificateFile, "--key", keyFile];
  };
  const bearer = (token: () => Promise<string>) => async () => [
    "-H",
    `Authorization: Bearer ${await token()}`,
  ];
  const tokenOf = (name: string, ...args: string[]) => async () =>
    (await node.cluster.kubectl(["create", "token", name, ...args])).trim();
  const both = async () => [
    ...await certificate(foreign, master)(),
    ...await bearer(tokenOf("robot"))(),
  ];
  const table: readonly [
    who: string,
    credentials: () => Credentials | Promise<Credentials>,
    want: Outcome,
  ][] = [
    ["no certificate, no token", () => [], "401"],
    // Its CA has the name of the cluster's CA too.
    ["a certificate of a foreign CA", certificate(foreign, master), "cut off"],
    ["a foreign certificate with a good token", both, "cut off"],
    [
      "an expired certificate",
      certificate(pki, { ...master, days: -1 }),
      "cut off",
    ],
    [
      "a certificate that is not valid yet",
      certificate(pki, { ...master, future: true }),
      "cut off",
    ],
    [
      "a certificate for servers only",
      certificate(pki, { ...master, usage: "serverAuth" }),
      "cut off",
    ],
    [
      "a certificate without a name",
      certificate(pki, { subject: "/O=system:masters" }),
      "401",
    ],
    [
      "a good certificate that may not",
      certificate(pki, { subject: "/O=guests/CN=bob" }),
      "403",
    ],
    ["a good certificate that may", certificate(pki, master), "in"],
    ["a good token that may", bearer(tokenOf("robot")), "in"],
    ["a good token that may not", bearer(tokenOf("stranger")), "403"],
    [
      "a token with another signature",
      bearer(async () => (await tokenOf("robot")()).slice(0, -8) + "AAAAAAAA"),
      "401",
    ],
    [
      "a token for another audience",
      bearer(tokenOf("robot", "--audience=elsewhere")),
      "401",
    ],
    [
      "a token signed anew by the cluster's key",
      bearer(async () => await resigned(node, { expiresInSeconds: 600 })),
      "in",
    ],
    [
      "an expired token",
      bearer(async () => await resigned(node, { expiresInSeconds: -600 })),
      "401",
    ],
    [
      "a token of a deleted object",
      bearer(async () => await tokenOfDeletedSecret(node)),
      "401",
    ],
    ["nonsense", () => ["-H", "Authorization: Bearer x"], "401"],
    ["another scheme", () => ["-u", "admin:admin"], "401"],
  ];
  for (const [who, credentials, want] of table) {
    await t.step(`${who}: ${want}`, async () => {
      const shown = await credentials();
      for (const [name, request] of Object.entries(requests)) {
        assert.equal(await outcome(node, request, shown), want, name);
      }
    });
  }
}

async function permissions(
  node: KubeletStage,
  pki: TestPki,
  t: Deno.TestContext,
): Promise<void> {
  await grant(node, "metrics", { kind: "User", name: "alice" }, {
    resources: ["nodes/metrics", "nodes/pods"],
    verbs: ["get"],
  });
  await grant(node, "proxy", { kind: "Group", name: "staff" }, {
    resources: ["nodes/proxy"],
    verbs: ["get"],
  });
  const post = [exec, "-X", "POST"] as const;
  const { "exec over SPDY": spdy, "exec over WebSocket": ws } = requests;
  assert.ok(spdy && ws);
  const table: readonly [
    subject: string,
    name: string,
    request: readonly [string, ...string[]],
    want: Outcome,
  ][] = [
    ["/CN=alice", "metrics", ["/metrics"], "in"],
    ["/CN=alice", "pods", ["/pods"], "in"],
    ["/CN=alice", "stats", ["/stats/summary"], "403"],
    ["/CN=alice", "logs", [logs], "403"],
    ["/CN=alice", "exec over WebSocket", ws, "403"],
    ["/O=staff/CN=carol", "logs", [logs], "in"],
    ["/O=staff/CN=carol", "pods", ["/pods"], "in"],
    ["/O=staff/CN=carol", "metrics", ["/metrics"], "403"],
    ["/O=staff/CN=carol", "exec by GET", [exec], "in"],
    // The verb "create" is another one than "get".
    ["/O=staff/CN=carol", "exec by POST", post, "403"],
    ["/O=staff/CN=carol", "exec over SPDY, by POST", spdy, "403"],
    ["/O=staff/CN=carol", "exec over WebSocket, by GET", ws, "in"],
  ];
  for (const [subject, name, request, want] of table) {
    await t.step(`${subject}, ${name}: ${want}`, async () => {
      const { certificateFile, keyFile } = await pki.issue({ subject });
      const pair = ["--cert", certificateFile, "--key", keyFile];
      assert.equal(await outcome(node, request, pair), want);
    });
  }
}

async function stolen(node: KubeletStage, pki: TestPki): Promise<void> {
  const own = await pki.issue({ subject: "/O=guests/CN=thief" });
  const other = await pki.issue({ subject: "/O=system:masters/CN=root" });
  const { port } = node.server;
  // Without the exchange the same client comes in, to be told that it may not.
  const honest = await withStolenCertificate(port, own, own.certificate);
  assert.match(honest, /^HTTP\/1\.1 403 /);
  const thief = await withStolenCertificate(port, own, other.certificate);
  assert.doesNotMatch(thief, /HTTP/);
}

/** What comes of a request: by the status that curl reports. */
async function outcome(
  node: KubeletStage,
  [path, ...args]: readonly [string, ...string[]],
  credentials: Credentials,
): Promise<Outcome> {
  const answer = await node.curl(
    path,
    ...["--http1.1", "-w", "%{http_code}", ...args, ...credentials],
  );
  switch (answer) {
    case "401":
    case "403":
    case "cut off":
      return answer;
    default:
      assert.match(answer, /^[1-5]\d\d$/);
      return "in";
  }
}

/** A token of "robot" whose times are others, signed with the cluster's own key. */
async function resigned(
  { cluster }: KubeletStage,
  times: { readonly expiresInSeconds: number },
): Promise<string> {
  const token = await cluster.kubectl(["create", "token", "robot"]);
  const key = await Deno.readTextFile(join(cluster.dir, "pki", "sa.key"));
  return await resignedToken(token.trim(), key, times);
}

async function tokenOfDeletedSecret(
  { cluster }: KubeletStage,
): Promise<string> {
  await cluster.kubectl(["create", "secret", "generic", "bound"]);
  const token = await cluster.kubectl([
    ...["create", "token", "robot"],
    ...["--bound-object-kind=Secret", "--bound-object-name=bound"],
  ]);
  await cluster.kubectl(["delete", "secret", "bound"]);
  return token.trim();
}
