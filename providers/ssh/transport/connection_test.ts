import assert from "node:assert/strict";
import { needing } from "../../../tests/needing.ts";
import { sshdMissing, startSshd } from "../../../tests/sshd.ts";
import { UnreachableError } from "../../errors.ts";
import { ConnectError } from "./connect_error.ts";
import { SshConnection } from "./connection.ts";
import { ConnectionPool } from "./connection_pool.ts";
import { DialLimit } from "./dial_limit.ts";
import { runScript } from "./run_script.ts";

const missing = sshdMissing();

Deno.test({
  ...needing(
    missing,
    "SshConnection.open() goes through a jump host, and ends with it",
  ),
  async fn() {
    await using sshd = await startSshd();
    await using jump = await startSshd();
    const signal = AbortSignal.timeout(20_000);
    const dialLimit = new DialLimit({ perServer: 1, handshakes: 1 });
    const target = sshd.target({ jump: jump.target() });
    await using connection = await SshConnection.open(target, {
      signal,
      dialLimit,
    });
    await using pool = new ConnectionPool(
      connection,
      () => Promise.reject(new Error("No")),
    );
    const { stdout } = await runScript(pool, 'echo "$SSH_CONNECTION"', [], {
      signal,
    });
    assert.match(stdout, new RegExp(` ${sshd.port}\n$`));
    assert.equal(await jump.connections(), 1);
    const running = runScript(pool, "sleep 100", [], { signal });
    const rejected = assert.rejects(running, UnreachableError);
    await jump.kill();
    await rejected;
    await connection.lost;
  },
});

Deno.test({
  ...needing(
    missing,
    "SshConnection.open() leaves no connection to the jump host behind",
  ),
  async fn() {
    await using jump = await startSshd();
    const signal = AbortSignal.timeout(20_000);
    const dialLimit = new DialLimit();
    const target = jump.target({ port: 1, jump: jump.target() });
    await assert.rejects(
      SshConnection.open(target, { signal, dialLimit }),
      (error) =>
        error instanceof ConnectError && error.reason === "HostUnreachable" &&
        /jump host .*Connection refused/.test(error.message),
    );
    const through = jump.target({ jump: jump.target() });
    const connection = await SshConnection.open(through, { signal, dialLimit });
    await connection[Symbol.asyncDispose]();
    while (await jump.connections() > 0) signal.throwIfAborted();
  },
});

Deno.test({
  ...needing(
    missing,
    "DialLimit keeps many connections at once below what sshd starts",
  ),
  async fn() {
    await using sshd = await startSshd(["MaxStartups 6:100:6"]);
    const signal = AbortSignal.timeout(20_000);
    const dialLimit = new DialLimit({ perServer: 2 });
    const connections = await Promise.all(
      Array.from(
        { length: 12 },
        () => SshConnection.open(sshd.target(), { signal, dialLimit }),
      ),
    );
    for (const connection of connections) {
      await connection[Symbol.asyncDispose]();
    }
  },
});
