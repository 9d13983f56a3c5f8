import assert from "node:assert/strict";
import { join } from "node:path";
import type { Pod } from "../k8s/types.ts";
import { startKubeletServer } from "../kubelet/server.ts";
import { selfSignedServingCertificate } from "../kubelet/serving_certificate.ts";
import { echo, testPort } from "../kubelet/streaming/test_ports.ts";
import { canVerifyClients } from "../kubelet/tls_listener.ts";
import { controlPlaneMissing, startControlPlane } from "./controlplane.ts";
import { projectPath } from "./farlet.ts";
import { needing } from "./needing.ts";
import { processBackend, type Running } from "./process_backend.ts";

const missing = controlPlaneMissing() ??
  (canVerifyClients(Deno.version.deno)
    ? undefined
    : "this Deno cannot verify client certificates");

const nodeName = "n1";
const web: Pod = {
  metadata: { namespace: "default", name: "web", uid: "uid-of-web" },
  spec: {
    nodeName,
    containers: [{ name: "app", image: "i", stdin: true }],
  },
  status: {
    phase: "Running",
    containerStatuses: [{
      ...{ name: "app", image: "i", imageID: "", ready: true },
      restartCount: 0,
      containerID: "x://1",
      state: { running: { startedAt: "2026-01-01T00:00:00Z" } },
    }],
  },
};
const copiedBytes = 50 * 1024 * 1024;

/** How a kubectl ended. */
interface Ended {
  readonly code: number;
  readonly stdout: Uint8Array<ArrayBuffer>;
  readonly stderr: string;
}

/** A control plane, and our server as the kubelet of its node. */
async function startNode() {
  await using scope = new AsyncDisposableStack();
  const cluster = scope.use(await startControlPlane());
  const client = scope.use(await cluster.client());
  const dir = await Deno.makeTempDir();
  scope.defer(() => Deno.remove(dir, { recursive: true }));
  const { signal } = new AbortController();
  const running: Running = { count: 0 };
  const server = scope.use(
    await startKubeletServer({
      nodeName,
      backend: processBackend(running),
      pods: () => [web],
      findPod: (_, name) => name === "web" ? web : undefined,
    }, {
      ...{ hostname: "127.0.0.1", port: 0, client, signal },
      stateDirectory: dir,
      certificate: await selfSignedServingCertificate({
        stateDirectory: dir,
        nodeName,
        addresses: ["127.0.0.1"],
      }),
      clientCa: { kind: "cluster" },
    }),
  );
  const apply = (object: object) =>
    cluster.kubectl(["apply", "-f", "-"], { stdin: JSON.stringify(object) });
  await apply({ apiVersion: "v1", kind: "Node", metadata: { name: nodeName } });
  const setNodeStatus = (status: object) =>
    client.patch(`/api/v1/nodes/${nodeName}/status`, { status }, { signal });
  await setNodeStatus({
    addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
    daemonEndpoints: { kubeletEndpoint: { Port: server.port } },
  });
  const { spec, status } = web;
  const metadata = { name: "web" };
  await apply({ apiVersion: "v1", kind: "Pod", metadata, spec });
  const podPath = "/api/v1/namespaces/default/pods/web/status";
  await client.patch(podPath, { status }, { signal });
  const resources = scope.move();
  return {
    cluster,
    server,
    running,
    dir,
    setNodeStatus,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

type Node = Awaited<ReturnType<typeof startNode>>;

/** One cell of the matrix. */
interface Cell {
  readonly node: Node;
  readonly env: Readonly<Record<string, string>>;
}

const steps: Readonly<Record<string, (cell: Cell) => Promise<void>>> = {
  "exec keeps stdout and stderr apart": async (cell) => {
    const script = "echo out; echo err >&2";
    const { code, stdout, stderr } = await kubectl(cell, [
      ...["exec", "web", "--", "sh", "-c", script],
    ]);
    assert.equal(stderr, "err\n");
    assert.equal(new TextDecoder().decode(stdout), "out\n");
    assert.equal(code, 0);
  },
  "exec ends with the command's exit code": async (cell) => {
    for (const want of [0, 1, 7, 255]) {
      const { code, stderr } = await kubectl(cell, [
        ...["exec", "web", "--", "sh", "-c", `exit ${want}`],
      ]);
      const said = `command terminated with exit code ${want}\n`;
      assert.equal(stderr, want === 0 ? "" : said);
      assert.equal(code, want);
    }
  },
  "exec tells that a command cannot be run": async (cell) => {
    const { code, stderr } = await kubectl(cell, [
      ...["exec", "web", "--", "/no/such/program"],
    ]);
    assert.match(stderr, /error executing command in container.*\/no\/such/);
    assert.equal(code, 1);
  },
  "exec -i hands over the input and its end": async (cell) => {
    const input = randomBytes(3_000_000);
    const { code, stdout, stderr } = await kubectl(cell, [
      ...["exec", "-i", "web", "--", "cat"],
    ], { stdin: input });
    assert.equal(stderr, "");
    assert.equal(code, 0);
    assert.equal(await hash(stdout), await hash(input));
  },
  "exec -i ends with a command that leaves input unread": async (cell) => {
    const { code, stdout, stderr } = await kubectl(cell, [
      ...["exec", "-i", "web", "--", "head", "-c", "5"],
    ], { stdin: randomBytes(1_000_000) });
    // Straight to us, kubectl tells that it could not send the rest.
    assert.match(stderr, /^(E.*Copying stdin failed.*\n)?$/);
    assert.equal(stdout.length, 5);
    assert.equal(code, 0);
  },
  "exec of much output to a slow reader loses nothing": async (cell) => {
    const count = 20_000_000;
    const child = spawn(cell, [
      ...["exec", "web", "--", "sh", "-c", `head -c ${count} /dev/zero`],
    ]);
    child.stdin.close();
    await until("over", () => cell.node.running.count === 0, { maxMs: 3000 })
      .catch(() => undefined); // or it waits for us
    const { stdout, code } = await child.output();
    assert.equal(stdout.length, count);
    assert.equal(code, 0);
  },
  "exec -it gives a terminal, its sizes and keys": async (cell) => {
    const { command: [program, ...args], env } = cell.node.cluster
      .kubectlCommand(["exec", "-it", "web", "--", "terminal"]);
    const keys = [
      ["wait", "80x24"],
      ["resize", 123, 45],
      ["wait", "123x45"],
      ["type", "abc"],
      ["wait", "ABC"],
      ["type", "q"],
    ];
    const { stdout, stderr } = await new Deno.Command("python3", {
      args: [
        projectPath("tests/terminal.py"),
        JSON.stringify(keys),
        program,
        ...args,
      ],
      env: { ...env, ...cell.env },
      stdin: "null",
    }).output();
    assert.equal(new TextDecoder().decode(stderr), "");
    const { screen, code } = JSON.parse(new TextDecoder().decode(stdout));
    assert.match(screen, /a terminal\r\n/);
    assert.match(screen, /Q/);
    assert.equal(code, 3);
  },
  "a command ends with its kubectl": async (cell) => {
    const { running } = cell.node;
    for (const script of ["sleep 1000", "yes", "cat >/dev/null"]) {
      const child = spawn(cell, [
        ...["exec", "-i", "web", "--", "sh", "-c", `exec ${script}`],
      ]);
      await until(`running: ${script}`, () => running.count === 1);
      child.kill("SIGKILL");
      await child.stdin.close().catch(() => undefined);
      await child.output();
      await until(`over: ${script}`, () => running.count === 0);
    }
  },
  "cp copies 50 MB both ways": async (cell) => {
    const dir = await Deno.makeTempDir({ dir: cell.node.dir });
    const original = join(dir, "original");
    const content = randomBytes(copiedBytes);
    await Deno.writeFile(original, content);
    const there = join(dir, "there");
    const back = join(dir, "back");
    const copies = [[original, `web:${there}`], [`web:${there}`, back]];
    for (const [from = "", to = ""] of copies) {
      const { code, stderr } = await kubectl(cell, ["cp", from, to]);
      assert.equal(stderr, "");
      assert.equal(code, 0);
    }
    const want = await hash(content);
    assert.equal(await hash(await Deno.readFile(there)), want);
    assert.equal(await hash(await Deno.readFile(back)), want);
    await Deno.remove(dir, { recursive: true });
  },
  "attach -i talks to the container's own process": async (cell) => {
    const { code, stdout } = await kubectl(cell, ["attach", "-i", "web"], {
      stdin: new TextEncoder().encode("hello\n"),
    });
    const text = new TextDecoder().decode(stdout);
    assert.equal(text, "attached\nyou said hello\n");
    assert.equal(code, 0);
  },
  "port-forward carries three connections at a time": async (cell) => {
    await using server = testPort(echo);
    const child = spawn(cell, ["port-forward", "web", `:${server.port}`]);
    child.stdin.close();
    const said = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const { value = "" } = await said.read();
    const port = Number(/127\.0\.0\.1:(\d+)/.exec(value)?.[1]);
    await Promise.all([1, 2, 3].map(async () => {
      const sent = randomBytes(5_000_000);
      using conn = await Deno.connect({ hostname: "127.0.0.1", port });
      const back = receiveAll(conn);
      await sendAll(conn, sent);
      await conn.closeWrite();
      assert.equal(await hash(await back), await hash(sent));
    }));
    await server.untilOpen(0);
    endChild(child);
    await said.cancel();
    await child.stderr.cancel();
    await child.status;
  },
  "port-forward tells that nothing listens": async (cell) => {
    const child = spawn(cell, ["port-forward", "web", ":1"]);
    child.stdin.close();
    const said = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const { value = "" } = await said.read();
    const port = Number(/127\.0\.0\.1:(\d+)/.exec(value)?.[1]);
    using conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const end = await conn.read(new Uint8Array(1)).catch(() => null);
    assert.equal(end, null);
    endChild(child);
    await said.cancel();
    const stderr = await new Response(child.stderr).text();
    assert.match(stderr, /error forwarding port 1 to pod .*refused/i);
    await child.status;
  },
};

/** Ends kubectl, unless what it met has ended it. */
function endChild(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGTERM");
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}

Deno.test({
  ...needing(missing, "kubectl streams through a real API server"),
  fn: async (t) => {
    await using node = await startNode();
    for (const declaredFeatures of [[], ["ExtendWebSocketsToKubelet"]]) {
      await node.setNodeStatus({ declaredFeatures });
      for (const webSockets of ["true", "false"]) {
        const env = {
          KUBECTL_REMOTE_COMMAND_WEBSOCKETS: webSockets,
          KUBECTL_PORT_FORWARD_WEBSOCKETS: webSockets,
        };
        const client = webSockets === "true" ? "WebSocket" : "SPDY";
        const path = declaredFeatures.length > 0 ? "straight" : "translated";
        for (const [name, step] of Object.entries(steps)) {
          await t.step(`${client}, ${path}: ${name}`, async () => {
            await step({ node, env });
            await until("left", () => node.server.connections === 0);
          });
        }
      }
    }
  },
});

function spawn({ node, env }: Cell, args: readonly string[]) {
  const kubectl = node.cluster.kubectlCommand(args);
  const { command: [program, ...rest] } = kubectl;
  return new Deno.Command(program, {
    args: rest,
    env: { ...kubectl.env, ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function kubectl(
  cell: Cell,
  args: readonly string[],
  { stdin }: { readonly stdin?: Uint8Array<ArrayBuffer> } = {},
): Promise<Ended> {
  const child = spawn(cell, args);
  const output = child.output();
  // It need not read it all.
  await new Blob(stdin ? [stdin] : []).stream().pipeTo(child.stdin)
    .catch(() => undefined);
  const { code, stdout, stderr } = await output;
  return { code, stdout, stderr: new TextDecoder().decode(stderr) };
}

async function sendAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) {
    sent += await conn.write(bytes.subarray(sent));
  }
}

async function receiveAll(conn: Deno.Conn): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for (;;) {
    const chunk = new Uint8Array(64 * 1024);
    const count = await conn.read(chunk);
    if (count === null) return await new Blob(chunks).bytes();
    chunks.push(chunk.subarray(0, count));
  }
}

function randomBytes(count: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  }
  return bytes;
}

async function hash(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return new Uint8Array(digest).toHex();
}

/** Waits for a condition, at most 10 s. */
async function until(
  what: string,
  condition: () => boolean,
  { maxMs = 10_000 }: { readonly maxMs?: number } = {},
): Promise<void> {
  const deadline = Date.now() + maxMs;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `not ${what} in time`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
