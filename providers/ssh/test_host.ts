/** A {@linkcode Host} for tests: scripts run on this machine, with mounts of their own. */
import { UnreachableError } from "../errors.ts";
import type { CommandResult, Host, Reachability, RunOptions } from "./host.ts";

/** Options for {@linkcode startTestHost}. */
export interface TestHostOptions {
  /** Whose programs scripts use: the system's with dash, or busybox alone. */
  readonly programs?: "system" | "busybox";
  /** Root unless given. */
  readonly user?: number;
}

/** Starts one; its files and mounts are gone when the scope is left. Needs root. */
export async function startTestHost(
  { programs = "system", user = 0 }: TestHostOptions = {},
): Promise<LocalHost> {
  const directory = await Deno.makeTempDir({ prefix: "farlet-host-" });
  await Deno.chmod(directory, 0o755);
  const home = `${directory}/home`;
  await Deno.mkdir(home);
  await Deno.chown(home, user, user);
  if (programs === "busybox") {
    await Deno.mkdir(`${directory}/bin`);
    await new Deno.Command("busybox", {
      args: ["--install", "-s", `${directory}/bin`],
    }).output();
  }
  // It lives, and with it its mounts, until its input ends.
  const holder = new Deno.Command("unshare", {
    args: ["--mount", "--propagation", "private", "cat"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = holder.stdin.getWriter();
  await writer.write(new Uint8Array([10]));
  const reader = holder.stdout.getReader();
  await reader.read();
  reader.releaseLock();
  return new LocalHost(directory, { programs, user, holder, writer });
}

interface Parts extends Required<TestHostOptions> {
  readonly holder: Deno.ChildProcess;
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
}

/** This machine as a host. */
export class LocalHost implements Host, AsyncDisposable {
  readonly name = "test@host";
  reachability: Reachability = { kind: "reachable" };
  /** How many scripts have run. */
  runs = 0;
  /** A directory of its own; its user may write to `home` in it. */
  readonly directory: string;
  readonly #parts: Parts;

  constructor(directory: string, parts: Parts) {
    this.directory = directory;
    this.#parts = parts;
  }

  get home(): string {
    return `${this.directory}/home`;
  }

  /** Loses the connection and makes it again. */
  reconnect(): void {
    this.reachability = { kind: "reachable" };
  }

  async *changes(): AsyncIterable<Reachability> {
    yield await Promise.resolve(this.reachability);
  }

  connected(): Promise<void> {
    return Promise.resolve();
  }

  async run(
    script: string,
    args: readonly string[],
    { stdin = "", signal }: RunOptions,
  ): Promise<CommandResult> {
    this.runs++;
    const { user } = this.#parts;
    return await this.#execute(
      [
        ...["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups"],
        ...["env", "-i", `HOME=${this.home}`, `PATH=${this.#path()}`],
        ...["sh", "-c", script, "sh", ...args],
      ],
      { stdin, signal },
    );
  }

  /** Runs a script as root, with the system's programs; throws if it fails. */
  async root(script: string, ...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.#execute(
      ["sh", "-euc", script, "sh", ...args],
      { stdin: "", signal: new AbortController().signal },
    );
    if (code !== 0) throw new Error(`${script}: ${stderr}`);
    return stdout;
  }

  spawn(): Promise<never> {
    return Promise.reject(new UnreachableError("No such thing in tests"));
  }

  dial(): Promise<never> {
    return Promise.reject(new UnreachableError("No such thing in tests"));
  }

  listen(): Promise<never> {
    return Promise.reject(new UnreachableError("No such thing in tests"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { holder, writer } = this.#parts;
    await writer.close();
    await holder.stdout.cancel();
    await holder.status;
    await Deno.remove(this.directory, { recursive: true });
  }

  #path(): string {
    return this.#parts.programs === "busybox"
      ? `${this.directory}/bin`
      : "/usr/bin:/bin";
  }

  async #execute(
    command: readonly string[],
    { stdin, signal }: RunOptions,
  ): Promise<CommandResult> {
    const child = new Deno.Command("nsenter", {
      args: ["-t", String(this.#parts.holder.pid), "-m", "--", ...command],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      signal,
    }).spawn();
    const input = typeof stdin === "string"
      ? new TextEncoder().encode(stdin)
      : stdin;
    const body = input instanceof Uint8Array
      ? new Blob([new Uint8Array(input)]).stream()
      : input ?? new Blob([]).stream();
    const [{ code, stdout, stderr }] = await Promise.all([
      child.output(),
      // A script may end before it has read everything.
      body.pipeTo(child.stdin).catch(() => undefined),
    ]);
    const decoder = new TextDecoder();
    return {
      code,
      stdout: decoder.decode(stdout),
      stderr: decoder.decode(stderr),
    };
  }
}

/** Why there can be no such host here, in one line; undefined if there can. */
export function testHostMissing(
  programs: TestHostOptions["programs"] = "system",
): string | undefined {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) {
    return "needs Linux and root for mounts of its own";
  }
  const needed = ["unshare", "nsenter", "setpriv", "dash"];
  if (programs === "busybox") needed.push("busybox");
  const missing = needed.filter((name) =>
    !["/usr/bin", "/bin"].some((directory) => exists(`${directory}/${name}`))
  );
  return missing.length === 0 ? undefined : `no ${missing.join(", ")} here`;
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
