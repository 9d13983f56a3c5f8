import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { delay } from "../async/delay.ts";

/** How {@linkcode AgentProcess.start} starts an agent. */
export interface AgentProcessOptions {
  readonly kubeconfig: string;
  readonly nodeName: string;
  readonly stateDir: string;
  /** `wasm` unless given. */
  readonly provider?: "wasm" | "memory";
  /** What runs farlet; the sources, with the running Deno, unless given. */
  readonly program?: readonly string[];
}

const main = fileURLToPath(new URL("../main.ts", import.meta.url));
/** As `deno task farlet`. */
const sources = [
  Deno.execPath(),
  "run",
  "-A",
  "--v8-flags=--max-semi-space-size=2",
  main,
];
const guests = fileURLToPath(new URL("guests", import.meta.url));

/** `farlet serve` in a process of its own, as an operator runs it. */
export class AgentProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<void>;
  #stderr = "";

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#reading = this.#read();
  }

  static start(
    options: AgentProcessOptions,
  ): AgentProcess {
    const { kubeconfig, nodeName, stateDir, provider = "wasm" } = options;
    const flags = {
      "--kubeconfig": kubeconfig,
      "--node-name": nodeName,
      "--state-dir": stateDir,
      "--provider": provider,
      "--node-ip": "127.0.0.1",
      "--kubelet-port": "0",
      ...(provider === "wasm" ? { "--allow-local-modules": guests } : {}),
    };
    return AgentProcess.run(
      ["serve", ...Object.entries(flags).flat()],
      options,
    );
  }

  /** Starts farlet with any arguments, such as `serve --config FILE`. */
  static run(
    args: readonly string[],
    { program = sources }: Pick<AgentProcessOptions, "program"> = {},
  ): AgentProcess {
    const [path = "", ...first] = program;
    const command = new Deno.Command(path, {
      args: [...first, ...args],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    });
    return new AgentProcess(command.spawn());
  }

  /** All that it has logged. */
  get stderr(): string {
    return this.#stderr;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Sends a signal and resolves with the exit code. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<number> {
    this.#child.kill(signal);
    return await this.ended();
  }

  /** Resolves with the exit code when it ends by itself. */
  async ended(): Promise<number> {
    await this.#reading;
    return (await this.#child.status).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      // It has ended by itself, or by a test.
      if (!(error instanceof TypeError)) throw error;
    }
    await this.ended();
  }

  async #read(): Promise<void> {
    const text = this.#child.stderr.pipeThrough(new TextDecoderStream());
    for await (const chunk of text) this.#stderr += chunk;
  }
}

/** Asks again and again until `look` succeeds; its last failure counts after `limit` ms. */
export async function eventually<T>(
  look: () => Promise<T>,
  { limit = 30_000 }: { readonly limit?: number } = {},
): Promise<T> {
  const { signal } = new AbortController();
  const deadline = Date.now() + limit;
  while (true) {
    try {
      return await look();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await delay(100, { signal });
    }
  }
}

/** The image of the guest that understands verbs. */
export const guestImage = guestModuleImage("guest");

/** The image of one of the modules in `tests/guests`. */
export function guestModuleImage(name: string): string {
  const url = new URL(`guests/${name}.wasm`, import.meta.url);
  assert.equal(url.protocol, "file:");
  return url.href;
}
