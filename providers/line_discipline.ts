/** What {@linkcode LineDiscipline} does beside passing lines on. */
export interface LineDisciplineOptions {
  /** Shows on the terminal what was typed. */
  readonly echo: (bytes: Uint8Array) => void;
  /** Called for Ctrl-C. */
  readonly interrupt: () => void;
}

/**
 * What the kernel does with the input of a terminal until a program asks otherwise (canonical mode,
 * termios(3)), for processes that have no terminal: bytes come in as typed, and whole lines go out.
 *
 * Return ends a line; Backspace, Ctrl-W and Ctrl-U erase a character, a word and the line; Ctrl-D
 * sends what is there, and ends the input when that is nothing.
 */
export class LineDiscipline
  implements ReadableWritablePair<Uint8Array, Uint8Array> {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly #options: LineDisciplineOptions;
  #line: number[] = [];
  /** What was typed and not read yet. */
  readonly #lines: Uint8Array[] = [];
  #ended = false;
  #changed = Promise.withResolvers<void>();

  constructor(options: LineDisciplineOptions) {
    this.#options = options;
    this.readable = new ReadableStream<Uint8Array>({
      pull: (controller) => this.#give(controller),
      cancel: () => this.#end(),
    }, { highWaterMark: 0 });
    this.writable = new WritableStream<Uint8Array>({
      write: (chunk) => this.#type(chunk),
      close: () => {
        this.#send();
        this.#end();
      },
      abort: () => this.#end(),
    });
  }

  async #give(
    output: ReadableStreamDefaultController<Uint8Array>,
  ): Promise<void> {
    while (this.#lines.length === 0 && !this.#ended) {
      await this.#changed.promise;
    }
    const line = this.#lines.shift();
    if (line === undefined) output.close();
    else output.enqueue(line);
    this.#change();
  }

  async #type(chunk: Uint8Array): Promise<void> {
    for (const byte of chunk) this.#take(byte);
    // Further keys wait, but those before come through, Ctrl-C among them.
    while (this.#lines.length > linesAhead && !this.#ended) {
      await this.#changed.promise;
    }
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #take(byte: number): void {
    switch (byte) {
      case key.interrupt:
        this.#line = [];
        this.#echo(caret(byte));
        return this.#options.interrupt();
      case key.end:
        return this.#line.length > 0 ? this.#send() : this.#end();
      case key.backspace:
      case key.delete:
        return this.#erase(1);
      case key.eraseLine:
        return this.#erase(characters(this.#line));
      case key.eraseWord:
        return this.#erase(lastWord(this.#line));
      case key.return:
      case key.newline:
        this.#line.push(key.newline);
        this.#echo("\r\n");
        return this.#send();
      default:
        if (this.#line.length >= longestLine) this.#send();
        this.#line.push(byte);
        if (byte >= 32 || byte === key.tab) {
          return this.#options.echo(new Uint8Array([byte]));
        }
        return this.#echo(caret(byte));
    }
  }

  #send(): void {
    if (!this.#ended && this.#line.length > 0) {
      this.#lines.push(new Uint8Array(this.#line));
    }
    this.#line = [];
    this.#change();
  }

  /** Ends the input of the process; keys that send signals go on to work. */
  #end(): void {
    this.#ended = true;
    this.#change();
  }

  #erase(count: number): void {
    for (let left = count; left > 0 && this.#line.length > 0; left--) {
      while (isContinuation(this.#line.at(-1))) this.#line.pop();
      const byte = this.#line.pop() ?? 0;
      const width = byte >= 32 || byte === key.tab ? 1 : 2;
      this.#echo("\b \b".repeat(width));
    }
  }

  #echo(text: string): void {
    this.#options.echo(new TextEncoder().encode(text));
  }
}

/** The chunk with CR LF in the place of each LF, as a terminal needs it. */
export function withReturns(chunk: Uint8Array): Uint8Array {
  const lines = chunk.reduce((sum, byte) => byte === 10 ? sum + 1 : sum, 0);
  if (lines === 0) return chunk;
  const full = new Uint8Array(chunk.length + lines);
  let at = 0;
  for (const byte of chunk) {
    if (byte === 10) full[at++] = 13;
    full[at++] = byte;
  }
  return full;
}

/** As Linux has them in a new terminal. */
const key = {
  interrupt: 3,
  end: 4,
  backspace: 8,
  tab: 9,
  newline: 10,
  return: 13,
  eraseLine: 21,
  eraseWord: 23,
  delete: 127,
} as const;

/** As many lines as may be typed before the process reads them. */
const linesAhead = 1024;

/** As long as a line may be; Linux's N_TTY_BUF_SIZE. */
const longestLine = 4096;

/** How a control character is shown: `^C`. */
function caret(byte: number): string {
  return `^${String.fromCharCode(byte + 64)}`;
}

/** Whether a byte goes on with the UTF-8 character before it. */
function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

function characters(line: readonly number[]): number {
  return line.filter((byte) => !isContinuation(byte)).length;
}

/** The length of the last word, with the blanks after it, in characters. */
function lastWord(line: readonly number[]): number {
  const text = new TextDecoder().decode(new Uint8Array(line));
  return [.../\S*\s*$/.exec(text)?.[0] ?? ""].length;
}
