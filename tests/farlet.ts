import { fileURLToPath } from "node:url";

/** A path of the project's tree, such as `examples/demo.yaml`. */
export function projectPath(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url));
}

/** Starts farlet from its sources. */
export const fromSources: readonly [string, ...string[]] = [
  Deno.execPath(),
  "run",
  "-A",
  "--no-lock",
  "--quiet",
  projectPath("main.ts"),
];

/** How to start a farlet. */
export interface FarletOptions {
  /** The program and its first arguments; the sources by default. */
  readonly command?: readonly [string, ...string[]];
  readonly cwd?: string;
  /** All that it has besides PATH and what Deno needs to find its cache. */
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

/** How a farlet has ended. */
export interface FarletResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs farlet to its end. */
export async function runFarlet(
  args: readonly string[],
  options: FarletOptions = {},
): Promise<FarletResult> {
  await using farlet = startFarlet(args, options);
  return await farlet.result;
}

/** A running farlet; killed, if it runs still, when the scope is left. */
export interface RunningFarlet extends AsyncDisposable {
  readonly result: Promise<FarletResult>;
  /** Resolves when standard output has had a line with `text` in it; rejects if it ends without. */
  printed(text: string): Promise<void>;
  kill(signal: Deno.Signal): void;
}

/** Starts farlet. */
export function startFarlet(
  args: readonly string[],
  { command: [program, ...first] = fromSources, cwd, env, stdin }:
    FarletOptions = {},
): RunningFarlet {
  const child = new Deno.Command(program, {
    args: [...first, ...args],
    cwd: cwd ?? Deno.cwd(),
    clearEnv: true,
    env: { ...inherited(), ...env },
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = new Output(child.stdout);
  const errors = new Response(child.stderr).text();
  const fed = stdin === undefined
    ? Promise.resolve()
    : new Response(stdin).body?.pipeTo(child.stdin);
  let ended = false;
  const result = (async () => {
    await fed;
    const stdout = await output.text;
    const stderr = await errors;
    const { code } = await child.status;
    ended = true;
    return { code, stdout, stderr };
  })();
  return {
    result,
    printed: (text) => output.has(text),
    kill: (signal) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      if (!ended) child.kill("SIGKILL");
      await result;
    },
  };
}

/** What a process has written so far, and those who wait for more. */
class Output {
  #text = "";
  #grown = Promise.withResolvers<void>();
  #ended = false;
  readonly text: Promise<string>;

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.text = this.#read(stream);
  }

  async has(text: string): Promise<void> {
    while (!this.#text.includes(text)) {
      if (this.#ended) {
        throw new Error(`Ended without "${text}":\n${this.#text}`);
      }
      await this.#grown.promise;
    }
  }

  async #read(
    stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  ): Promise<string> {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
      this.#text += chunk;
      this.#grown.resolve();
      this.#grown = Promise.withResolvers();
    }
    this.#ended = true;
    this.#grown.resolve();
    return this.#text;
  }
}

function inherited(): Record<string, string> {
  const names = ["PATH", "HOME", "DENO_DIR", "DENO_TLS_CA_STORE"];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = Deno.env.get(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
