import type { TerminalSize } from "../../providers/runtime.ts";

/** More text without the end of an object is no size. */
const maxPendingChars = 4096;

/**
 * The sizes of a terminal that a client sends: objects `{"Width":80,"Height":24}`, one behind the
 * other. Of sizes that nobody has read yet only the newest is kept.
 */
export class TerminalSizes {
  /** Ends with {@linkcode TerminalSizes.end}, and at what is no size. */
  readonly readable: ReadableStream<TerminalSize>;
  readonly #decoder = new TextDecoder();
  #controller: ReadableStreamDefaultController<TerminalSize> | undefined;
  #text = "";
  #newest: TerminalSize | undefined;
  #wanted = false;

  constructor() {
    this.readable = new ReadableStream<TerminalSize>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => {
        this.#wanted = true;
        this.#deliver();
      },
      cancel: () => {
        this.#controller = undefined;
      },
    }, { highWaterMark: 0 });
  }

  /** Takes what the client sent next. */
  feed(bytes: Uint8Array): void {
    if (this.#controller === undefined) return;
    this.#text += this.#decoder.decode(bytes, { stream: true });
    for (;;) {
      const end = this.#text.indexOf("}") + 1;
      if (end === 0) break;
      const size = parseSize(this.#text.slice(0, end));
      this.#text = this.#text.slice(end);
      if (size === undefined) return this.end();
      // As the kubelet: a terminal without columns or rows is none.
      if (size.columns > 0 && size.rows > 0) this.#newest = size;
    }
    if (this.#text.length > maxPendingChars) return this.end();
    this.#deliver();
  }

  /** No more sizes come. Repeatable. */
  end(): void {
    const controller = this.#controller;
    if (controller === undefined) return;
    this.#controller = undefined;
    if (this.#newest !== undefined) controller.enqueue(this.#newest);
    controller.close();
  }

  #deliver(): void {
    const size = this.#newest;
    if (!this.#wanted || size === undefined) return;
    this.#newest = undefined;
    this.#wanted = false;
    this.#controller?.enqueue(size);
  }
}

function parseSize(text: string): TerminalSize | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const columns = "Width" in value ? value.Width : 0;
  const rows = "Height" in value ? value.Height : 0;
  return isUint16(columns) && isUint16(rows) ? { columns, rows } : undefined;
}

function isUint16(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 &&
    value <= 0xffff;
}
