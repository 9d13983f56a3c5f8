import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { needing } from "../../../tests/needing.ts";
import { sshHostsMissing, startHost } from "../../../tests/ssh_hosts.ts";
import { sshdMissing, startSshd, trusting } from "../../../tests/sshd.ts";
import { UnreachableError } from "../../errors.ts";
import { ConnectError } from "./connect_error.ts";
import { connectHost, pauseBeforeRetry, type SshHost } from "./ssh_host.ts";
import type { SshTarget } from "./target.ts";
import { echo, withHost } from "./test_stage.ts";

const missing = sshdMissing();

Deno.test("pauseBeforeRetry() grows with failures, and spares a server that refused us", () => {
  const target = { host: "h", port: 22, user: "u" } as SshTarget;
  const refused = new ConnectError("ConnectionRefused", target, "no");
  const locked = new ConnectError("AuthenticationFailed", target, "no");
  const pauses = [1, 2, 3, 100];
  assert.deepEqual(pauses.map((n) => pauseBeforeRetry(n, refused)), [
    500,
    1_000,
    2_000,
    10_000,
  ]);
  assert.deepEqual(pauses.map((n) => pauseBeforeRetry(n, locked)), [
    30_000,
    60_000,
    120_000,
    300_000,
  ]);
  assert.equal(pauseBeforeRetry(0), 0);
});

withHost(
  "SshHost gives up everything at once when the connection is lost, and connects again",
  [],
  async ({ sshd, host, signal }) => {
    using server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepted = server.accept();
    const { port } = server.addr as Deno.NetAddr;
    const running = host.run("sleep 100", [], { signal });
    await using process = await host.spawn("sleep 100", [], { signal });
    const stream = await host.dial({ kind: "tcp", host: "127.0.0.1", port }, {
      signal,
    });
    using _conn = await accepted;
    const listener = await host.listen(
      { kind: "unix", path: join(sshd.dir, "in.sock") },
      echo,
      { signal },
    );
    const read = stream.read();
    const output = new Response(process.stdout).text();
    const fates = Promise.all([
      assert.rejects(running, UnreachableError),
      assert.rejects(output, UnreachableError),
      process.ended.then((end) => assert.deepEqual(end, {})),
      read.then((bytes) => assert.equal(bytes, undefined)),
      listener.ended,
    ]);
    await sshd.kill();
    await fates;
    await assert.rejects(stream.write(new Uint8Array(1)), UnreachableError);
    await assert.rejects(host.run(":", [], { signal }), UnreachableError);
    await assert.rejects(
      host.dial({ kind: "tcp", host: "127.0.0.1", port }, { signal }),
      UnreachableError,
    );
    await until(host, "ConnectionRefused", signal);
    await sshd.start();
    await host.connected({ signal });
    const { code } = await host.run(":", [], { signal });
    assert.equal(code, 0);
  },
);

Deno.test({
  ...needing(missing, "SshHost drops a host that is silent"),
  async fn() {
    await using sshd = await startSshd();
    const signal = AbortSignal.timeout(20_000);
    await using host = connectHost(sshd.target(), {
      signal,
      liveness: { ask: 100, limit: 300 },
    });
    await host.connected({ signal });
    const running = host.run("sleep 100", [], { signal });
    await sshd.signalConnections("SIGSTOP");
    await assert.rejects(running, UnreachableError);
    await assert.rejects(running, /no answer/);
  },
});

withHost("SshHost opens further connections when commands take all sessions", [
  "MaxSessions 1",
], async ({ sshd, host, signal }) => {
  await using one = await host.spawn("cat", [], { signal });
  await using two = await host.spawn("cat", [], { signal });
  const { stdout } = await host.run("echo three", [], { signal });
  assert.equal(stdout, "three\n");
  assert.equal(await sshd.connections(), 3);
  for (const process of [one, two]) {
    await process.stdin.getWriter().close();
    assert.deepEqual(await process.ended, { code: 0 });
  }
  await host.run("echo four", [], { signal });
});

Deno.test({
  ...needing(
    sshHostsMissing(),
    "SshHost notices a link that is cut within 15 s, and one that heals",
  ),
  async fn() {
    await using machine = await startHost({ engine: false });
    const signal = AbortSignal.timeout(60_000);
    const [, type = "", key = ""] =
      (await Deno.readTextFile(machine.knownHosts)).trim().split(" ");
    await using host = connectHost({
      host: machine.address,
      port: 22,
      user: "root",
      identities: [{
        source: machine.keyFile,
        privateKey: () => Deno.readTextFile(machine.keyFile),
      }],
      knownHosts: {
        ...trusting(Buffer.from(key, "base64")),
        algorithms: () => [type],
      },
    }, { signal });
    await host.connected({ signal });
    const running = host.run("sleep 100", [], { signal });
    const fate = assert.rejects(running, UnreachableError);
    const cut = performance.now();
    await machine.cut();
    await fate;
    const noticed = performance.now() - cut;
    assert.ok(noticed < 15_000, `noticed after ${noticed} ms`);
    await machine.heal();
    await host.connected({ signal });
    assert.equal((await host.run(":", [], { signal })).code, 0);
  },
});

/** Waits for the host to be unreachable for `reason`; returns the message. */
async function until(
  host: SshHost,
  reason: string,
  signal: AbortSignal,
): Promise<string> {
  for await (const state of host.changes({ signal })) {
    if (state.kind === "unreachable" && state.reason === reason) {
      return state.message;
    }
  }
  throw new Error(`${host.name} never became ${reason}`);
}
