import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
// @ts-types="@types/ssh2"
import ssh2 from "ssh2";
import { ConfigError } from "../../../async/config_error.ts";
import { needing } from "../../../tests/needing.ts";
import { keygen, sshdMissing, startSshd } from "../../../tests/sshd.ts";
import { offeredAlgorithms } from "./algorithms.ts";
import { ConnectError, type ConnectFailure } from "./connect_error.ts";
import { SshConnection } from "./connection.ts";
import { ConnectionPool } from "./connection_pool.ts";
import { DialLimit } from "./dial_limit.ts";
import { runScript } from "./run_script.ts";
import type { Identity, KeyVerdict, SshTarget } from "./target.ts";

const missing = sshdMissing();

Deno.test({
  ...needing(
    missing,
    "SshConnection.open() works with every algorithm that is offered",
  ),
  async fn() {
    const { kex, cipher, hmac } = offeredAlgorithms();
    const rules = [
      ...kex.map((name) => [`KexAlgorithms ${name}`]),
      ...cipher.map((name) => [`Ciphers ${name}`]),
      ...hmac.map((name) => ["Ciphers aes128-ctr", `MACs ${name}`]),
    ];
    for (const config of rules) {
      await using sshd = await startSshd(config);
      assert.equal(await greeting(sshd.target()), "hello", config.join());
    }
  },
});

Deno.test({
  ...needing(
    missing,
    "SshConnection.open() asks for the host key that is known",
  ),
  async fn() {
    const dir = await Deno.makeTempDir();
    const kinds = [
      ["rsa", "-t", "rsa", "-b", "2048"],
      ["ecdsa256", "-t", "ecdsa", "-b", "256"],
      ["ecdsa384", "-t", "ecdsa", "-b", "384"],
    ] as const;
    for (const [name, ...args] of kinds) await keygen(join(dir, name), args);
    await using sshd = await startSshd(
      kinds.map(([name]) => `HostKey ${join(dir, name)}`),
    );
    for (const [name] of kinds) {
      const line = await Deno.readTextFile(join(dir, `${name}.pub`));
      const [type = "", key = ""] = line.split(" ");
      const target = sshd.target({
        knownHosts: {
          algorithms: () => [type],
          verify: (_host, _port, shown) =>
            Buffer.from(shown).toString("base64") === key
              ? { kind: "trusted" }
              : { kind: "mismatch", message: `not the ${name} key` },
        },
      });
      assert.equal(await greeting(target), "hello", name);
    }
    await Deno.remove(dir, { recursive: true });
  },
});

Deno.test({
  ...needing(
    missing,
    "SshConnection.open() survives the renewal of keys in the middle of a transfer",
  ),
  async fn() {
    await using sshd = await startSshd(["RekeyLimit 1M"]);
    const signal = AbortSignal.timeout(20_000);
    await using connection = await SshConnection.open(sshd.target(), {
      signal,
      dialLimit: new DialLimit(),
    });
    const open = () => Promise.reject(new Error("No need for another"));
    await using pool = new ConnectionPool(connection, open);
    const stdin = new Uint8Array(20_000_000);
    const maxOutputBytes = stdin.length;
    const { stdout } = await runScript(pool, "cat", [], {
      signal,
      stdin,
      maxOutputBytes,
    });
    assert.equal(stdout.length, stdin.length);
  },
});

const verdicts: readonly [KeyVerdict, ConnectFailure, RegExp][] = [
  [
    { kind: "unknown", fingerprint: "SHA256:abc" },
    "HostKeyUnknown",
    /SHA256:abc.*ssh-keyscan/,
  ],
  [
    { kind: "mismatch", message: "line 3 of x has another" },
    "HostKeyMismatch",
    /line 3 of x/,
  ],
  [
    { kind: "revoked", message: "line 4 of x revokes it" },
    "HostKeyRevoked",
    /line 4 of x/,
  ],
];
for (const [verdict, reason, message] of verdicts) {
  Deno.test({
    ...needing(
      missing,
      `SshConnection.open() fails with ${reason} before it shows who asks`,
    ),
    async fn() {
      await using sshd = await startSshd();
      const asked: string[] = [];
      const target = sshd.target({
        knownHosts: { algorithms: () => [], verify: () => verdict },
        identities: [{
          source: "key",
          privateKey() {
            asked.push("key");
            return Promise.resolve("");
          },
        }],
      });
      const error = await failure(target);
      assert.equal(error.reason, reason);
      assert.match(error.message, message);
      assert.equal(error.lasting, true);
      assert.deepEqual(asked, []);
    },
  });
}

Deno.test({
  ...needing(
    missing,
    "SshConnection.open() tries each key, and says why none was taken",
  ),
  async fn() {
    await using sshd = await startSshd();
    const { identities } = sshd.target();
    const other = join(sshd.dir, "other");
    await keygen(other);
    const wrong = identity(other);
    const locked: Identity = {
      source: "locked",
      privateKey: () =>
        Promise.reject(new ConfigError('"locked" needs its passphrase')),
    };
    const target = sshd.target({ identities: [locked, wrong, ...identities] });
    assert.equal(await greeting(target), "hello");
    const error = await failure(sshd.target({ identities: [locked, wrong] }));
    assert.equal(error.reason, "AuthenticationFailed");
    assert.equal(error.lasting, true);
    assert.match(
      error.message,
      /publickey.*other".*"locked" needs its passphrase.*authorized_keys/,
    );
    const nothing = await failure(sshd.target({ identities: [] }));
    assert.equal(nothing.reason, "AuthenticationFailed");
    assert.match(nothing.message, /nothing to show/);
  },
});

Deno.test({
  ...needing(
    missing,
    "SshConnection.open() fails with AuthenticationFailed when sshd has seen too many keys",
  ),
  async fn() {
    await using sshd = await startSshd(["MaxAuthTries 2"]);
    const wrong = [];
    for (const name of ["a", "b", "c"]) {
      await keygen(join(sshd.dir, name));
      wrong.push(identity(join(sshd.dir, name)));
    }
    const error = await failure(sshd.target({ identities: wrong }));
    assert.equal(error.reason, "AuthenticationFailed");
  },
});

Deno.test({
  ...needing(
    missing,
    "SshConnection.open() shows the keys of an agent, and does without one that is gone",
  ),
  async fn() {
    await using sshd = await startSshd();
    const agentSocket = join(sshd.dir, "agent.sock");
    const gone = sshd.target({ agentSocket });
    assert.equal(await greeting(gone), "hello");
    const agent = new Deno.Command("ssh-agent", {
      args: ["-D", "-a", agentSocket],
      stdout: "null",
    }).spawn();
    try {
      while (!(await Deno.stat(agentSocket).catch(() => undefined))?.isSocket);
      const added = await new Deno.Command("ssh-add", {
        args: ["-q", sshd.keyFile],
        env: { SSH_AUTH_SOCK: agentSocket },
      }).output();
      assert.equal(added.success, true);
      const target = sshd.target({ agentSocket, identities: [] });
      assert.equal(await greeting(target), "hello");
    } finally {
      agent.kill();
      await agent.status;
    }
  },
});

for (const method of ["password", "keyboard-interactive"] as const) {
  Deno.test(`SshConnection.open() answers a server that asks by ${method}`, async () => {
    await using server = await passwordServer(method, "secret");
    let asked = 0;
    const target = server.target(() => {
      asked++;
      return Promise.resolve("secret");
    });
    const signal = AbortSignal.timeout(10_000);
    const connection = await SshConnection.open(target, {
      signal,
      dialLimit: new DialLimit(),
    });
    await connection[Symbol.asyncDispose]();
    assert.equal(asked, 1);
    const error = await failure(server.target(() => Promise.resolve("wrong")));
    assert.equal(error.reason, "AuthenticationFailed");
    assert.match(error.message, /refused the password/);
    assert.doesNotMatch(error.message, /wrong/);
  });
}

Deno.test("SshConnection.open() tells apart why a port gives no connection", async () => {
  const nowhere = target(1);
  assert.equal((await failure(nowhere)).reason, "ConnectionRefused");
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served = (async () => {
    using conn = await listener.accept();
    await conn.write(
      new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"),
    );
  })();
  const error = await failure(target((listener.addr as Deno.NetAddr).port));
  await served;
  assert.equal(error.reason, "HandshakeFailed");
  assert.equal(error.lasting, false);
});

Deno.test("SshConnection.open() rejects with the reason of its signal", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const stop = new AbortController();
  const opening = SshConnection.open(
    target((listener.addr as Deno.NetAddr).port),
    {
      signal: stop.signal,
      dialLimit: new DialLimit(),
    },
  );
  using conn = await listener.accept();
  stop.abort(new Error("enough"));
  await assert.rejects(opening, /^Error: enough$/);
  while (await conn.read(new Uint8Array(100)) !== null);
});

/** What the host says when it is asked for a greeting. */
async function greeting(target: SshTarget): Promise<string> {
  const signal = AbortSignal.timeout(10_000);
  const open = () => Promise.reject(new Error("No need for another"));
  await using connection = await SshConnection.open(target, {
    signal,
    dialLimit: new DialLimit(),
  });
  await using pool = new ConnectionPool(connection, open);
  const { stdout } = await runScript(pool, "echo hello", [], { signal });
  return stdout.trim();
}

async function failure(target: SshTarget): Promise<ConnectError> {
  const signal = AbortSignal.timeout(10_000);
  const dialLimit = new DialLimit();
  try {
    await using _ = await SshConnection.open(target, { signal, dialLimit });
  } catch (error) {
    assert.ok(error instanceof ConnectError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "It connected" });
}

function identity(file: string): Identity {
  return { source: file, privateKey: () => Deno.readTextFile(file) };
}

function target(port: number): SshTarget {
  return {
    host: "127.0.0.1",
    port,
    user: "someone",
    identities: [],
    knownHosts: { algorithms: () => [], verify: () => ({ kind: "trusted" }) },
  };
}

/** OpenSSH takes passwords of the system's users only, so this is ssh2's own server. */
async function passwordServer(
  method: "password" | "keyboard-interactive",
  password: string,
) {
  const { private: hostKey } = ssh2.utils.generateKeyPairSync("ed25519");
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
    client.on("error", () => {});
    client.on("authentication", (asked) => {
      if (asked.method === "password" && method === "password") {
        return asked.password === password
          ? asked.accept()
          : asked.reject([method]);
      }
      if (asked.method === "keyboard-interactive" && asked.method === method) {
        return asked.prompt(
          [{ prompt: "Password: ", echo: false }],
          (answers) =>
            answers[0] === password ? asked.accept() : asked.reject([method]),
        );
      }
      asked.reject([method]);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    target: (password: () => Promise<string>) => ({
      ...target(port),
      password,
    }),
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
