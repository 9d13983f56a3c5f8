import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { needing } from "../../../tests/needing.ts";
import { packedPrograms, type PauseArchitecture } from "./programs.ts";
import {
  compilerMissing,
  Echo,
  emulator,
  eventually,
  execute,
  freePort,
  namespacesMissing,
  Relay,
  Running,
  unpack,
  type Unpacked,
  unpacked,
  waitsForEvents,
} from "./test_pause.ts";

const architectures = Object.keys(packedPrograms) as PauseArchitecture[];

/** A test of the program for each architecture that can be run here. */
function onEach(claim: string, test: (pause: Unpacked) => Promise<void>): void {
  for (const architecture of architectures) {
    const { missing } = emulator(architecture);
    Deno.test({
      ...needing(missing, `${claim} (${architecture})`),
      async fn() {
        await using pause = await unpack(architecture);
        await test(pause);
      },
    });
  }
}

for (const architecture of architectures) {
  Deno.test({
    ...needing(
      compilerMissing(architecture),
      `packedPrograms has what the source builds to (${architecture})`,
    ),
    async fn() {
      await using dir = await unpack(architecture);
      const script = join(import.meta.dirname ?? ".", "build.sh");
      await execute(["sh", script, dir.directory, architecture]);
      const built = join(dir.directory, `pause-${architecture}`);
      const same = Buffer.from(await Deno.readFile(built))
        .equals(unpacked(architecture));
      assert.ok(same, "run tools/embed_pause.ts after a change of the source");
    },
  });
}

onEach("pause ends with 0 when asked to", async ({ command }) => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    await using pause = new Running(command);
    await eventually(() => waitsForEvents(pause.child.pid));
    pause.child.kill(signal);
    assert.deepEqual(await pause.ended, { code: 0, stderr: "" });
  }
});

onEach("pause refuses arguments that make no sense", async ({ command }) => {
  const wrong = [
    ["relay"],
    ["relay", "10.96.0.1", "/socket"],
    ["relay", "10.96.0.256:443", "/socket"],
    ["relay", "10.96.0.1:65536", "/socket"],
    ["relay", "[fd00::1::2]:443", "/socket"],
    ["relay", "[1:2:3:4:5:6:7]:443", "/socket"],
    ["relay", "127.0.0.1:1", `/${"x".repeat(107)}`],
    ["connect", "0"],
    ["connect", "80x"],
    ["connect", "80", "81"],
  ];
  for (const args of wrong) {
    await using pause = new Running([...command, ...args]);
    const { code, stderr } = await pause.ended;
    assert.equal(code, 64, args.join(" "));
    assert.match(stderr, /^(Usage:|Cannot) .*\n$/);
  }
});

onEach(
  "pause relay carries 220 connections at once, with half-closes",
  async ({ command, socket }) => {
    await using relay = new Relay(command, socket);
    await using _ = new Echo(Deno.listen({ transport: "unix", path: socket }));
    const conns: Deno.TcpConn[] = [];
    while (conns.length < 220) conns.push(await relay.dial());
    const sent = randomBytes(60_000);
    const answers = conns.map((conn) =>
      new Response(conn.readable).arrayBuffer()
    );
    await Promise.all(conns.map(async (conn) => {
      const writer = conn.writable.getWriter();
      await writer.write(sent);
      await conn.closeWrite();
    }));
    for (const answer of await Promise.all(answers)) {
      assert.ok(Buffer.from(answer).equals(sent));
    }
  },
);

onEach(
  "pause relay closes at once while nobody has the socket, and finds a new one",
  async ({ command, socket }) => {
    await using relay = new Relay(command, socket);
    assert.equal(await relay.ask("x"), "");
    // Deno removes a socket that it closes.
    const other = `${socket}2`;
    const dead = Deno.listen({ transport: "unix", path: other });
    await Deno.rename(other, socket);
    dead.close();
    assert.equal(await relay.ask("x"), "", "nobody listens on the socket");
    await Deno.remove(socket);
    await using _ = new Echo(Deno.listen({ transport: "unix", path: socket }));
    assert.equal(await relay.ask("x"), "x");
  },
);

onEach(
  "pause relay closes a connection whose other side went away, and has said all",
  async ({ command, socket }) => {
    await using relay = new Relay(command, socket);
    using listener = Deno.listen({ transport: "unix", path: socket });
    const client = await relay.dial();
    const server = await listener.accept();
    await server.write(new TextEncoder().encode("bye"));
    server.close();
    assert.equal(await new Response(client.readable).text(), "bye");
  },
);

onEach(
  "pause connect copies both ways, and ends our side alone",
  async ({ command }) => {
    for (const hostname of ["127.0.0.1", "::1"]) {
      const listener = Deno.listen({ hostname, port: 0 });
      await using _ = new Echo(listener);
      const { port } = listener.addr;
      await using pause = new Running([...command, "connect", `${port}`]);
      const sent = randomBytes(1_000_000);
      const writer = pause.child.stdin.getWriter();
      await writer.write(sent);
      await writer.close();
      assert.ok(Buffer.from(await pause.output).equals(sent));
      assert.deepEqual(await pause.ended, { code: 0, stderr: "" });
    }
  },
);

onEach(
  "pause connect ends when the other side does, whatever comes in",
  async ({ command }) => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    await using pause = new Running([...command, "connect", `${port}`]);
    (await listener.accept()).close();
    assert.deepEqual(await pause.ended, { code: 0, stderr: "" });
  },
);

onEach("pause connect says that nothing listens", async ({ command }) => {
  await using pause = new Running([...command, "connect", `${freePort()}`]);
  const { code, stderr } = await pause.ended;
  assert.equal(code, 1);
  assert.match(stderr, /^Cannot connect to port \d+: connection refused\n$/);
});

Deno.test({
  ...needing(namespacesMissing(), "pause reaps the orphans of its namespace"),
  async fn() {
    await using pause = await unpack(own);
    const [program = ""] = pause.command;
    await using outer = new Running([
      ...["unshare", "--pid", "--fork", "--kill-child"],
      program,
    ]);
    const pid = await eventually(() => onlyChild(outer.child.pid));
    await eventually(() => waitsForEvents(pid));
    // The inner shell ends at once and leaves its child to the first process.
    const orphan = await execute([
      ...["nsenter", "--target", `${pid}`, "--pid", "sh", "-c"],
      "sh -c 'sleep 0.2 & echo left'",
    ]);
    assert.equal(orphan, "left\n");
    await eventually(async () => assert.deepEqual(await children(pid), []));
  },
});

Deno.test({
  ...needing(
    namespacesMissing(),
    "pause relay has an address of its own, and leaves the port to others",
  ),
  async fn() {
    await using pause = await unpack(own);
    const { socket } = pause;
    await using _ = new Echo(Deno.listen({ transport: "unix", path: socket }));
    for (const address of ["10.96.0.1", "fd00:96::1"]) {
      const where = address.includes(":") ? `[${address}]` : address;
      await using relay = new Running([
        ...["unshare", "--net", ...pause.command],
        ...["relay", `${where}:443`, socket],
      ]);
      const { pid } = relay.child;
      await eventually(() => waitsForEvents(pid));
      const answer = await execute([
        ...["nsenter", `--net=/proc/${pid}/ns/net`, Deno.execPath(), "eval"],
        `using other = Deno.listen({ hostname: "::", port: 443 });
         using conn = await Deno.connect({ hostname: "${address}", port: 443 });
         await conn.write(new TextEncoder().encode("hello"));
         await conn.closeWrite();
         console.log(await new Response(conn.readable).text());`,
      ]);
      assert.equal(answer, "hello\n", address);
      assert.deepEqual(await capabilities(pid), ["0000000000000002"]);
    }
  },
});

Deno.test({
  ...needing(
    namespacesMissing(),
    "pause relay says which capability it lacks to add its address",
  ),
  async fn() {
    await using pause = await unpack(own);
    await using relay = new Running([
      ...["unshare", "--net", "setpriv", "--bounding-set=-net_admin"],
      ...[...pause.command, "relay", "10.96.0.1:443", pause.socket],
    ]);
    assert.deepEqual(await relay.ended, {
      code: 77,
      stderr:
        "Cannot add the address of 10.96.0.1:443 to lo: not permitted (CAP_NET_ADMIN)\n",
    });
  },
});

/** The architecture of this machine. */
const own = Deno.build.arch === "aarch64" ? "arm64" : "amd64";

async function children(pid: number): Promise<readonly string[]> {
  const text = await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`);
  return text.split(" ").filter(Boolean);
}

async function onlyChild(pid: number): Promise<number> {
  const [child] = await children(pid);
  if (child === undefined) throw new Error(`Process ${pid} has no child yet`);
  return Number(child);
}

async function capabilities(pid: number): Promise<readonly string[]> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return [...status.matchAll(/^CapPrm:\s+(\w+)$/gm)].map(([, set = ""]) => set);
}
