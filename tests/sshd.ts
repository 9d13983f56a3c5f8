/**
 * A real OpenSSH server on loopback with keys of its own: the only file that knows how one is
 * started. It needs no root; who logs in is the user of the tests.
 */
import { once } from "node:events";
import { createServer } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { Buffer } from "node:buffer";
import { delay } from "../async/delay.ts";
import type {
  HostKeyVerifier,
  SshTarget,
} from "../providers/ssh/transport/target.ts";

/** Why there can be no SSH server, in one line; undefined if there can. */
export function sshdMissing(): string | undefined {
  const missing = program("sshd") === undefined
    ? "OpenSSH's sshd is not installed"
    : undefined;
  if (missing !== undefined && Deno.env.get("FARLET_TEST_REQUIRE") === "all") {
    throw new Error(`FARLET_TEST_REQUIRE=all: ${missing}`);
  }
  return missing;
}

/** Starts a server with further lines of `sshd_config`; it is gone when the scope is left. */
export async function startSshd(
  config: readonly string[] = [],
): Promise<Sshd> {
  const dir = await Deno.makeTempDir({ prefix: "farlet-sshd-" });
  await keygen(join(dir, "id_ed25519"));
  await keygen(join(dir, "host_key"));
  await Deno.copyFile(join(dir, "id_ed25519.pub"), join(dir, "authorized"));
  // sshd takes the first of several lines that say different things.
  const lines = [
    ...config,
    `HostKey ${join(dir, "host_key")}`,
    `AuthorizedKeysFile ${join(dir, "authorized")}`,
    "ListenAddress 127.0.0.1",
    "PidFile none",
    "UsePAM no",
    "StrictModes no",
    "PermitRootLogin yes",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    // The start files of the user's shell are none of the tests' business.
    `SetEnv HOME=${dir}`,
  ];
  await Deno.writeTextFile(join(dir, "sshd_config"), lines.join("\n") + "\n");
  // As root it insists on a directory to confine itself to.
  if (Deno.uid() === 0) await Deno.mkdir("/run/sshd", { recursive: true });
  const sshd = new Sshd(
    dir,
    await freePort(),
    await keyOf(dir, "host_key.pub"),
  );
  await sshd.start();
  return sshd;
}

/** An SSH server that was started, and what tests do to it. */
export class Sshd implements AsyncDisposable {
  readonly dir: string;
  readonly port: number;
  readonly hostKey: Uint8Array;
  #process: Deno.ChildProcess | undefined;

  constructor(dir: string, port: number, hostKey: Uint8Array) {
    this.dir = dir;
    this.port = port;
    this.hostKey = hostKey;
  }

  /** The private key that it lets in. */
  get keyFile(): string {
    return join(this.dir, "id_ed25519");
  }

  /** How to reach it, with its key and no other trusted. */
  target(overrides: Partial<SshTarget> = {}): SshTarget {
    const { keyFile } = this;
    return {
      host: "127.0.0.1",
      port: this.port,
      user: userInfo().username,
      identities: [{
        source: keyFile,
        privateKey: () => Deno.readTextFile(keyFile),
      }],
      knownHosts: trusting(this.hostKey),
      ...overrides,
    };
  }

  /** Starts it, also again after {@linkcode kill}. */
  async start(): Promise<void> {
    const log = join(this.dir, "log");
    this.#process = new Deno.Command(program("sshd") ?? "sshd", {
      args: [
        ...["-D", "-f", join(this.dir, "sshd_config"), "-E", log],
        ...["-p", String(this.port)],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const signal = AbortSignal.timeout(10_000);
    while (!await listens(this.port)) await delay(20, { signal });
  }

  /** Kills it and the servers of all its connections. */
  async kill(): Promise<void> {
    const server = this.#process;
    if (server === undefined) return;
    // The connections first, while they can be told by their parent, which takes no more of them.
    server.kill("SIGSTOP");
    await this.signalConnections("SIGKILL");
    this.#process = undefined;
    server.kill("SIGKILL");
    await server.status;
  }

  /** Sends a signal to the servers of its connections; `SIGSTOP` makes them silent. */
  async signalConnections(signal: Deno.Signal): Promise<void> {
    if (this.#process === undefined) return;
    for (const pid of await serversBelow(this.#process.pid)) {
      try {
        Deno.kill(pid, signal);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
        // It ended by itself meanwhile.
      }
    }
  }

  /** How many connections it has. */
  async connections(): Promise<number> {
    return this.#process ? (await childrenOf(this.#process.pid)).length : 0;
  }

  /** What it logged. */
  log(): Promise<string> {
    return Deno.readTextFile(join(this.dir, "log"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.dir, { recursive: true });
  }
}

/** Trusts one key, and calls every other a mismatch. */
export function trusting(trusted: Uint8Array): HostKeyVerifier {
  return {
    algorithms: () => ["ssh-ed25519"],
    verify: (host, _port, key) =>
      Buffer.from(key).equals(trusted)
        ? { kind: "trusted" }
        : { kind: "mismatch", message: `another key of ${host} is known` },
  };
}

/** Makes a key pair without a passphrase: `file` and `file.pub`. */
export async function keygen(
  file: string,
  args: readonly string[] = ["-t", "ed25519"],
): Promise<void> {
  const { success, stderr } = await new Deno.Command("ssh-keygen", {
    args: ["-q", ...args, "-N", "", "-C", "test", "-f", file],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

async function keyOf(dir: string, name: string): Promise<Uint8Array> {
  const text = await Deno.readTextFile(join(dir, name));
  return Buffer.from(text.split(" ")[1] ?? "", "base64");
}

/** The servers of connections, without the commands that they run. */
async function serversBelow(pid: number): Promise<readonly number[]> {
  const servers: number[] = [];
  for (const child of await childrenOf(pid)) {
    const title = await Deno.readTextFile(`/proc/${child}/cmdline`)
      .catch(() => "");
    if (!/^\S*sshd/.test(title)) continue;
    servers.push(child, ...await serversBelow(child));
  }
  return servers;
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`)
    .catch(() => "");
  return text.split(" ").filter(Boolean).map(Number);
}

async function listens(port: number): Promise<boolean> {
  try {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port });
    return await conn.read(new Uint8Array(4)) === 4;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    throw error;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") {
    throw new Error("No port");
  }
  return address.port;
}

/** Where a program is; sshd insists on being started by its full path. */
function program(name: string): string | undefined {
  const path = (Deno.env.get("PATH") ?? "").split(":");
  return [...path, "/usr/sbin"].map((dir) => join(dir, name)).find((file) => {
    try {
      return Deno.statSync(file).isFile;
    } catch {
      return false; // not here
    }
  });
}
