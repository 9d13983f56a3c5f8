import type { GuestReport, GuestSpec } from "../providers/wasm/guest_spec.ts";
import { readRunnerFile } from "../providers/wasm/runner_file.ts";

/** What to change of a guest that has no variables, directories and input. */
export type GuestOptions = Partial<Omit<GuestSpec, "reportPath">>;

/** How a guest ended, and what it wrote. */
export interface GuestOutput {
  readonly code: number;
  readonly signal: Deno.Signal | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly report: GuestReport | undefined;
}

/** The path of one of the modules in `tests/guests`. */
export function guestModule(name: string): string {
  return new URL(`./guests/${name}.wasm`, import.meta.url).pathname;
}

/** Runs a module of `tests/guests` to its end, in a real runner process. */
export async function runGuest(
  name: string,
  args: readonly string[] = [],
  options: GuestOptions = {},
): Promise<GuestOutput> {
  await using guest = await RunningGuest.start(name, args, options);
  return await guest.ended();
}

/** A guest in a real runner process; disposing kills it. */
export class RunningGuest implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #dir: string;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stdout: CollectedText;
  readonly #stderr: CollectedText;

  constructor(process: Deno.ChildProcess, dir: string) {
    this.#process = process;
    this.#dir = dir;
    this.#stdin = process.stdin.getWriter();
    this.#stdout = new CollectedText(process.stdout);
    this.#stderr = new CollectedText(process.stderr);
  }

  /** Starts a module of `tests/guests`; with `stdin`, its input is what is sent later. */
  static async start(
    name: string,
    args: readonly string[] = [],
    options: GuestOptions = {},
  ): Promise<RunningGuest> {
    const dir = await Deno.makeTempDir({ prefix: "farlet-guest-" });
    const [program, ...prefix] = runnerCommand();
    const command = new Deno.Command(program, {
      args: prefix,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    });
    const guest = new RunningGuest(command.spawn(), dir);
    const spec: GuestSpec = {
      module: guestModule(name),
      args: [name, ...args],
      env: {},
      preopens: [],
      stdin: false,
      reportPath: `${dir}/report.json`,
      parentPid: Deno.pid,
      ...options,
    };
    await guest.send(`${JSON.stringify(spec)}\n`);
    return guest;
  }

  get pid(): number {
    return this.#process.pid;
  }

  async send(text: string): Promise<void> {
    await this.#stdin.write(new TextEncoder().encode(text));
  }

  /** Ends what the runner reads, as the death of the agent would. */
  async closeStdin(): Promise<void> {
    await this.#stdin.close();
  }

  /** Resolves when the guest has written this; rejects if it ends or ten seconds pass before. */
  async untilStdout(text: string): Promise<void> {
    await this.#stdout.until(text);
  }

  kill(signal: Deno.Signal): void {
    this.#process.kill(signal);
  }

  async ended(): Promise<GuestOutput> {
    const { code, signal } = await this.#process.status;
    return {
      code,
      signal,
      stdout: await this.#stdout.all,
      stderr: await this.#stderr.all,
      report: await readRunnerFile<GuestReport>(`${this.#dir}/report.json`),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.kill("SIGKILL");
    } catch (error) {
      // It has ended by itself.
      if (!(error instanceof TypeError)) throw error;
    }
    await this.#process.status;
    await Promise.all([this.#stdout.all, this.#stderr.all]);
    // Nobody reads what was not sent yet, or it is closed already.
    await this.#stdin.abort().catch(() => {});
    await Deno.remove(this.#dir, { recursive: true });
  }
}

/** Reads a stream to its end and can be asked for what came so far. */
class CollectedText {
  readonly all: Promise<string>;
  #text = "";
  #changed = Promise.withResolvers<void>();
  #ended = false;

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.all = this.#collect(stream);
  }

  async until(text: string): Promise<void> {
    const deadline = AbortSignal.timeout(10_000);
    while (!this.#text.includes(text)) {
      if (this.#ended || deadline.aborted) {
        throw new Error(`Expected ${JSON.stringify(text)} in ${this.#text}`);
      }
      await Promise.race([this.#changed.promise, untilAborted(deadline)]);
    }
  }

  async #collect(
    stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  ): Promise<string> {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
      this.#text += chunk;
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
    this.#ended = true;
    this.#changed.resolve();
    return this.#text;
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}

/**
 * The program and arguments that run a guest. FARLET_TEST_RUNNER names a compiled runner to test
 * instead of the sources.
 */
export function runnerCommand(): readonly [string, ...string[]] {
  const compiled = Deno.env.get("FARLET_TEST_RUNNER");
  if (compiled !== undefined) return [compiled];
  const runner = new URL("../providers/wasm/runner.ts", import.meta.url);
  return [Deno.execPath(), "run", "-A", "--no-lock", runner.pathname];
}
