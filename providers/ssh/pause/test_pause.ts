/** Runs the pause program in tests: on this machine, or under QEMU for another architecture. */
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { inflateRawSync } from "node:zlib";
import { closeWrite, connStream, pump } from "../../../async/byte_stream.ts";
import { delay } from "../../../async/delay.ts";
import { packedPrograms, type PauseArchitecture } from "./programs.ts";

/** The compilers of Debian 12: others give other bytes. */
const compilers: Readonly<Record<PauseArchitecture, string>> = {
  amd64: "x86_64-linux-gnu-gcc",
  arm: "arm-linux-gnueabi-gcc",
  arm64: "aarch64-linux-gnu-gcc",
  riscv64: "riscv64-linux-gnu-gcc",
};
const compilerVersion = "12.2.0";

const emulators: Readonly<Record<PauseArchitecture, string>> = {
  amd64: "qemu-x86_64-static",
  arm: "qemu-arm-static",
  arm64: "qemu-aarch64-static",
  riscv64: "qemu-riscv64-static",
};

/** Why the program cannot be built to the same bytes here; undefined if it can. */
export function compilerMissing(
  architecture: PauseArchitecture,
): string | undefined {
  const compiler = compilers[architecture];
  if (!isInstalled(compiler)) return required(`no ${compiler}`);
  const { stdout } = new Deno.Command(compiler, {
    args: ["-dumpfullversion"],
  }).outputSync();
  const version = new TextDecoder().decode(stdout).trim();
  return version === compilerVersion
    ? undefined
    : required(`${compiler} is ${version} and not ${compilerVersion}`);
}

/** What to put before the program to run it here, or why that is not possible. */
export function emulator(architecture: PauseArchitecture): {
  readonly missing: string | undefined;
  readonly command: readonly string[];
} {
  if (Deno.build.os !== "linux") {
    return { missing: required("needs Linux"), command: [] };
  }
  const own = { x86_64: "amd64", aarch64: "arm64" }[Deno.build.arch];
  if (own === architecture) return { missing: undefined, command: [] };
  const command = emulators[architecture];
  const missing = isInstalled(command) ? undefined : required(`no ${command}`);
  return { missing, command: [command] };
}

/** Why there can be no namespaces here; undefined if there can. */
export function namespacesMissing(): string | undefined {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) {
    return required("needs Linux and root for namespaces");
  }
  const missing = ["unshare", "nsenter"].filter((name) => !isInstalled(name));
  return missing.length === 0
    ? undefined
    : required(`no ${missing.join(", ")}`);
}

/** A directory with the program for one architecture, and room for a socket. */
export async function unpack(
  architecture: PauseArchitecture,
): Promise<Unpacked> {
  const directory = await Deno.makeTempDir({ prefix: "farlet-pause-" });
  const program = join(directory, "pause");
  await Deno.writeFile(program, unpacked(architecture), { mode: 0o755 });
  return new Unpacked(
    directory,
    [...emulator(architecture).command, program],
  );
}

/** What {@linkcode unpack} gives. */
export class Unpacked implements AsyncDisposable {
  readonly directory: string;
  readonly command: readonly string[];

  constructor(directory: string, command: readonly string[]) {
    this.directory = directory;
    this.command = command;
  }

  get socket(): string {
    return join(this.directory, "socket");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** The program as it is in the image. */
export function unpacked(architecture: PauseArchitecture): Uint8Array {
  return inflateRawSync(Buffer.from(packedPrograms[architecture], "base64"));
}

/** A program that was started; it is killed when the scope is left. */
export class Running implements AsyncDisposable {
  readonly child: Deno.ChildProcess;
  readonly output: Promise<ArrayBuffer>;
  readonly ended: Promise<{ readonly code: number; readonly stderr: string }>;

  constructor(command: readonly string[]) {
    const [program = "", ...args] = command;
    this.child = new Deno.Command(program, {
      args,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.output = new Response(this.child.stdout).arrayBuffer();
    this.ended = Promise.all([
      this.child.status,
      new Response(this.child.stderr).text(),
    ]).then(([{ code }, stderr]) => ({ code, stderr }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.child.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended
    }
    await this.child.stdin.abort().catch(() => undefined);
    await Promise.all([this.ended, this.output]);
  }
}

/** A relay on loopback. */
export class Relay extends Running {
  readonly port: number;

  constructor(command: readonly string[], socket: string) {
    const port = freePort();
    super([...command, "relay", `127.0.0.1:${port}`, socket]);
    this.port = port;
  }

  /** Connects, once it listens. */
  dial(): Promise<Deno.TcpConn> {
    const { port } = this;
    return eventually(() => Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** What comes back before the end; nothing when there is nobody. */
  async ask(question: string): Promise<string> {
    using conn = await this.dial();
    await conn.write(new TextEncoder().encode(question)).catch(() => undefined);
    await closeWrite(conn);
    // A client that is turned away may see a reset.
    return await textOf(conn).catch(() => "");
  }
}

async function textOf(conn: Deno.Conn): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  const buffer = new Uint8Array(1024);
  for (;;) {
    const count = await conn.read(buffer);
    if (count === null) return text;
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
}

/** Something that sends back what it gets, until the scope is left. */
export class Echo implements AsyncDisposable {
  readonly #listener: Deno.Listener;
  readonly #served: Promise<void>;

  constructor(listener: Deno.Listener) {
    this.#listener = listener;
    this.#served = serve(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#served;
  }
}

async function serve(listener: Deno.Listener): Promise<void> {
  const served: Promise<void>[] = [];
  for await (const conn of listener) served.push(echo(conn));
  await Promise.all(served);
}

async function echo(conn: Deno.Conn): Promise<void> {
  using _ = conn;
  const stream = connStream(conn);
  await pump(stream, stream);
  await closeWrite(conn);
}

/** A port of loopback that nobody listens on. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Whether a process has come to wait for events: signals are held back for it by then. */
export async function waitsForEvents(pid: number): Promise<void> {
  for await (const { name } of Deno.readDir(`/proc/${pid}/fd`)) {
    const target = await Deno.readLink(`/proc/${pid}/fd/${name}`);
    if (target.includes("[eventpoll]")) return;
  }
  throw new Error(`Process ${pid} does not wait yet`);
}

/** Tries until it succeeds, for 20 s at most. */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
): Promise<T> {
  const signal = AbortSignal.timeout(20_000);
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (signal.aborted) throw error;
      await delay(20, { signal }).catch(() => undefined);
    }
  }
}

/** Runs a command; throws what it says if it fails. */
export async function execute(command: readonly string[]): Promise<string> {
  const [program = "", ...args] = command;
  const { success, stdout, stderr } = await new Deno.Command(program, { args })
    .output();
  const decoder = new TextDecoder();
  if (success) return decoder.decode(stdout);
  throw new Error(`${command.join(" ")}: ${decoder.decode(stderr)}`);
}

function required(missing: string): string {
  if (Deno.env.get("FARLET_TEST_REQUIRE") === "all") {
    throw new Error(`FARLET_TEST_REQUIRE=all: ${missing}`);
  }
  return missing;
}

function isInstalled(name: string): boolean {
  const path = (Deno.env.get("PATH") ?? "").split(":");
  return path.some((directory) => {
    try {
      return Deno.statSync(join(directory, name)).isFile;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  });
}
