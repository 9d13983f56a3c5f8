import assert from "node:assert/strict";
import { join } from "node:path";
import type { Pod } from "../k8s/types.ts";
import type { KubeletContext } from "../kubelet/context.ts";
import { startKubeletServer } from "../kubelet/server.ts";
import { selfSignedServingCertificate } from "../kubelet/serving_certificate.ts";
import { TestPki } from "../kubelet/test_pki.ts";
import { canVerifyClients } from "../kubelet/tls_listener.ts";
import { controlPlaneMissing, startControlPlane } from "./controlplane.ts";
import { needing } from "./needing.ts";

const missing = controlPlaneMissing() ??
  (canVerifyClients(Deno.version.deno)
    ? undefined
    : "this Deno cannot verify client certificates");

const nodeName = "n1";

function newPod(name: string, containerState: object, more: object = {}): Pod {
  return {
    metadata: { namespace: "default", name, uid: `uid-of-${name}` },
    spec: { nodeName, containers: [{ name: "app", image: "i" }] },
    status: {
      containerStatuses: [{
        ...{ name: "app", image: "i", imageID: "", ready: false },
        restartCount: 0,
        state: containerState,
        ...more,
      }],
    },
  };
}

const pods = [
  newPod("web", { running: { startedAt: "2026-01-01T00:00:00Z" } }, {
    containerID: "x://1",
  }),
  newPod("new", { waiting: { reason: "ContainerCreating" } }),
];

/** Two lines, of which `tailLines` counts; with `follow`, a third one and no end. */
const readLogs: NonNullable<KubeletContext["backend"]["readLogs"]> = (
  { podUid },
  { follow, tailLines = 2 },
) => {
  const lines = ["one\n", `of ${podUid}\n`].slice(
    tailLines === 0 ? 2 : -tailLines,
  );
  return new ReadableStream({
    start(controller) {
      const say = (line: string) =>
        controller.enqueue(new TextEncoder().encode(line));
      lines.forEach(say);
      if (follow) say("more\n");
      else controller.close();
    },
  });
};

/** A control plane, and our server as the kubelet of its node `n1`, with pods bound to it. */
async function startNode() {
  await using scope = new AsyncDisposableStack();
  const cluster = scope.use(await startControlPlane());
  const client = scope.use(await cluster.client());
  const stateDirectory = await Deno.makeTempDir();
  scope.defer(() => Deno.remove(stateDirectory, { recursive: true }));
  const { signal } = new AbortController();
  const server = scope.use(
    await startKubeletServer({
      nodeName,
      backend: { readLogs },
      pods: () => pods,
      findPod: (namespace, name) =>
        pods.find(({ metadata }) =>
          metadata?.namespace === namespace && metadata.name === name
        ),
    }, {
      ...{ hostname: "127.0.0.1", port: 0, client, stateDirectory, signal },
      certificate: await selfSignedServingCertificate({
        stateDirectory,
        nodeName,
        addresses: ["127.0.0.1"],
      }),
      clientCa: { kind: "cluster" },
    }),
  );
  const apply = (object: object) =>
    cluster.kubectl(["apply", "-f", "-"], { stdin: JSON.stringify(object) });
  await apply({ apiVersion: "v1", kind: "Node", metadata: { name: nodeName } });
  await client.patch(`/api/v1/nodes/${nodeName}/status`, {
    status: {
      addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
      daemonEndpoints: { kubeletEndpoint: { Port: server.port } },
    },
  }, { signal });
  for (const { metadata, spec } of pods) {
    const { name } = metadata ?? {};
    await apply({ apiVersion: "v1", kind: "Pod", metadata: { name }, spec });
  }
  const resources = scope.move();
  return {
    cluster,
    server,
    apply,
    /** Asks our server with curl: the HTTP status, or `cut off`. */
    async curl(path: string, ...args: string[]): Promise<string> {
      const url = `https://127.0.0.1:${server.port}${path}`;
      const { stdout, code } = await new Deno.Command("curl", {
        args: ["-sk", "-m", "10", "-o", "/dev/null", ...args, url],
      }).output();
      const status = new TextDecoder().decode(stdout);
      return code === 0 ? status : "cut off";
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

type Node = Awaited<ReturnType<typeof startNode>>;

const steps: Readonly<
  Record<string, (node: Node, t: Deno.TestContext) => Promise<void>>
> = {
  "kubectl logs works": kubectlLogs,
  "kubectl logs --follow is over when kubectl is": following,
  "who has a good certificate and may comes in, and nobody else": certificates,
  "who has a good token and may comes in, and nobody else": tokens,
};

Deno.test({
  ...needing(missing, "The kubelet API, behind a real API server"),
  fn: async (t) => {
    await using node = await startNode();
    for (const [name, step] of Object.entries(steps)) {
      await t.step(name, (t) => step(node, t));
    }
  },
});

/** Lets a subject do one thing to the subresources of nodes. */
async function grant(
  { apply }: Node,
  name: string,
  subject: object,
  rule: { readonly resources: string[]; readonly verbs: string[] },
): Promise<void> {
  const apiVersion = "rbac.authorization.k8s.io/v1";
  const metadata = { name };
  const rules = [{ apiGroups: [""], ...rule }];
  await apply({ apiVersion, kind: "ClusterRole", metadata, rules });
  await apply({
    ...{ apiVersion, kind: "ClusterRoleBinding", metadata },
    roleRef: {
      apiGroup: "rbac.authorization.k8s.io",
      kind: "ClusterRole",
      name,
    },
    subjects: [subject],
  });
}

async function kubectlLogs(node: Node): Promise<void> {
  const logs = (...args: string[]) => node.cluster.kubectl(["logs", ...args]);
  assert.equal(await logs("web"), "one\nof uid-of-web\n");
  assert.equal(await logs("web", "--tail=1"), "of uid-of-web\n");
  assert.equal(await logs("web", "--tail=0"), "");
  await assert.rejects(
    logs("new"),
    /BadRequest.*container "app" in pod "new" is waiting to start: ContainerCreating/,
  );
  await assert.rejects(
    logs("web", "--previous"),
    /BadRequest.*previous terminated container "app" in pod "web" not found/,
  );
}

async function following(node: Node): Promise<void> {
  const following = node.cluster.kubectl([
    ...["logs", "web", "--follow"],
    "--request-timeout=2s",
  ]);
  await until("followed", () => node.server.connections > 0);
  assert.match(await following.catch(String), /more|deadline|timeout/i);
  await until("gone", () => node.server.connections === 0);
}

async function certificates(
  node: Node,
  t: Deno.TestContext,
): Promise<void> {
  await using pki = await TestPki.of(join(node.cluster.dir, "pki"));
  await using foreign = await TestPki.create();
  const alice = { kind: "User", name: "alice" };
  const staff = { kind: "Group", name: "staff" };
  await grant(node, "metrics", alice, {
    resources: ["nodes/metrics", "nodes/pods"],
    verbs: ["get"],
  });
  await grant(node, "proxy", staff, {
    resources: ["nodes/proxy"],
    verbs: ["get"],
  });
  const logs = "/containerLogs/default/web/app";
  const exec = "/exec/default/web/app?command=true";
  const master = "/O=system:masters/CN=root";
  const cases: [
    name: string,
    client: { ca?: TestPki } & Parameters<TestPki["issue"]>[0],
    path: string,
    want: string,
  ][] = [
    ["master", { subject: master }, logs, "200"],
    [
      "master of a foreign CA",
      { subject: master, ca: foreign },
      logs,
      "cut off",
    ],
    ["expired master", { subject: master, days: -1 }, logs, "cut off"],
    [
      "master for servers only",
      { subject: master, usage: "serverAuth" },
      logs,
      "cut off",
    ],
    ["somebody", { subject: "/O=guests/CN=bob" }, logs, "403"],
    ["nobody by name", { subject: "/O=system:masters" }, logs, "401"],
    ["alice, metrics", { subject: "/CN=alice" }, "/metrics", "501"],
    ["alice, pods", { subject: "/CN=alice" }, "/pods", "200"],
    ["alice, stats", { subject: "/CN=alice" }, "/stats/summary", "403"],
    ["alice, logs", { subject: "/CN=alice" }, logs, "403"],
    ["staff, logs", { subject: "/O=staff/CN=carol" }, logs, "200"],
    ["staff, pods", { subject: "/O=staff/CN=carol" }, "/pods", "200"],
    ["staff, metrics", { subject: "/O=staff/CN=carol" }, "/metrics", "403"],
    ["staff, exec by GET", { subject: "/O=staff/CN=carol" }, exec, "501"],
  ];
  for (const [name, { ca = pki, ...leaf }, path, want] of cases) {
    await t.step(name, async () => {
      const { certificateFile, keyFile } = await ca.issue(leaf);
      const pair = ["--cert", certificateFile, "--key", keyFile];
      const status = ["-w", "%{http_code}"];
      assert.equal(await node.curl(path, ...pair, ...status), want);
    });
  }
  await t.step("staff, exec by POST", async () => {
    const { certificateFile, keyFile } = await pki.issue({
      subject: "/O=staff/CN=carol",
    });
    const pair = ["--cert", certificateFile, "--key", keyFile];
    const post = ["-X", "POST", "-w", "%{http_code}"];
    assert.equal(await node.curl(exec, ...pair, ...post), "403");
  });
  await t.step("no certificate", async () => {
    const status = ["-w", "%{http_code}"];
    assert.equal(await node.curl(logs, ...status), "401");
    assert.equal(await node.curl("/healthz/ping", ...status), "401");
    assert.equal(await node.curl("/healthz", ...status), "200");
  });
}

async function tokens(node: Node, t: Deno.TestContext): Promise<void> {
  const { cluster } = node;
  for (const name of ["robot", "stranger"]) {
    await cluster.kubectl(["create", "serviceaccount", name]);
  }
  await grant(node, "logs", {
    ...{ kind: "ServiceAccount", name: "robot", namespace: "default" },
  }, { resources: ["nodes/proxy"], verbs: ["get"] });
  const token = async (name: string) =>
    (await cluster.kubectl(["create", "token", name])).trim();
  const robot = await token("robot");
  const cases: [name: string, header: string, want: string][] = [
    ["a good token that may", `Bearer ${robot}`, "200"],
    ["a good token that may not", `Bearer ${await token("stranger")}`, "403"],
    ["a broken token", `Bearer ${robot.slice(0, -2)}`, "401"],
    ["nonsense", "Bearer x", "401"],
    ["another scheme", `Basic ${btoa("admin:admin")}`, "401"],
  ];
  for (const [name, header, want] of cases) {
    await t.step(name, async () => {
      const args = ["-H", `Authorization: ${header}`, "-w", "%{http_code}"];
      const path = "/containerLogs/default/web/app";
      assert.equal(await node.curl(path, ...args), want);
    });
  }
}

/** Waits for a condition, at most 10 s. */
async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `not ${what} within 10 s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
