import { abortable, type AbortOptions } from "../async/abort.ts";
import { ConfigError } from "../async/config_error.ts";
import { Semaphore } from "../async/semaphore.ts";
import {
  readPrivateKey,
  readSecretFile,
} from "../providers/ssh/transport/private_key.ts";
import { printError } from "./output.ts";

const attempts = 3;
const backspaces: readonly number[] = [8, 127];
const lineEnds: readonly number[] = [10, 13];
const endOfInput = 4;

/** Questions to the person at the terminal, one after the other. */
export class Prompts {
  readonly #signal: AbortSignal;
  readonly #turns = new Semaphore(1);
  readonly #passphrases = new Map<string, string | undefined>();

  private constructor({ signal }: AbortOptions) {
    this.#signal = signal;
  }

  /** Undefined unless there is somebody to ask: standard input and error are a terminal. */
  static atTerminal(options: AbortOptions): Prompts | undefined {
    const terminal = Deno.stdin.isTerminal() && Deno.stderr.isTerminal();
    return terminal ? new Prompts(options) : undefined;
  }

  /** Whether a question is waiting for its answer. */
  get asking(): boolean {
    return this.#turns.free === 0;
  }

  /** Asks a question until it is answered by `yes` or `no`; who leaves means no. */
  async confirm(question: string): Promise<boolean> {
    using _ = await this.#turns.acquire({ signal: this.#signal });
    printError(question);
    for (;;) {
      const answer = await this.#readLine();
      if (answer === undefined) printError("\n");
      switch (answer?.trim().toLowerCase()) {
        case "yes":
          return true;
        case "no":
        case undefined:
          return false;
      }
      printError('Please type "yes" or "no": ');
    }
  }

  /**
   * The passphrase of the key in the file `source`, asked for until it is right, three times at
   * most, and then remembered; undefined when nobody knows it.
   */
  async askPassphrase(source: string): Promise<string | undefined> {
    using _ = await this.#turns.acquire({ signal: this.#signal });
    if (!this.#passphrases.has(source)) {
      this.#passphrases.set(source, await this.#passphraseOf(source));
    }
    return this.#passphrases.get(source);
  }

  async #passphraseOf(source: string): Promise<string | undefined> {
    const text = await readSecretFile(source);
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const passphrase = await this.#askHidden(
        `Passphrase of the key "${source}": `,
      );
      if (!passphrase) return undefined;
      const ask = () => Promise.resolve(passphrase);
      try {
        await readPrivateKey(text, { source, ask });
        return passphrase;
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        printError("That is not its passphrase\n");
      }
    }
    return undefined;
  }

  /** Without its end; undefined at the end of input. */
  async #readLine(): Promise<string | undefined> {
    const line: number[] = [];
    const byte = new Uint8Array(1);
    for (;;) {
      if (await this.#read(byte) === null) return undefined;
      const [code = 0] = byte;
      if (lineEnds.includes(code)) return decode(line);
      line.push(code);
    }
  }

  /** Asks for a line of which nothing is seen; Ctrl-C is what it always is. */
  async #askHidden(question: string): Promise<string | undefined> {
    const restore = () => Deno.stdin.setRaw(false);
    Deno.stdin.setRaw(true, { cbreak: Deno.build.os !== "windows" });
    globalThis.addEventListener("unload", restore);
    try {
      // Not before the echo is off: fast fingers, and programs, answer at once.
      printError(question);
      const line: number[] = [];
      const byte = new Uint8Array(1);
      for (;;) {
        const count = await this.#read(byte);
        const [code = 0] = byte;
        if (count === null || code === endOfInput) return undefined;
        if (lineEnds.includes(code)) return decode(line);
        if (backspaces.includes(code)) removeCharacter(line);
        else line.push(code);
      }
    } finally {
      globalThis.removeEventListener("unload", restore);
      restore();
      printError("\n");
    }
  }

  #read(bytes: Uint8Array): Promise<number | null> {
    return abortable(Deno.stdin.read(bytes), { signal: this.#signal });
  }
}

/** The last one, with all its bytes. */
function removeCharacter(line: number[]): void {
  let last;
  do last = line.pop(); while (last !== undefined && (last & 0xc0) === 0x80);
}

function decode(line: readonly number[]): string {
  return new TextDecoder().decode(new Uint8Array(line));
}
