/** The longest line between chunks: a size, with extensions that nobody uses. */
const maxLineBytes = 4096;

/** Takes the chunks of an HTTP/1.1 body apart (RFC 9112, section 7.1), piece by piece. */
export class ChunkedDecoder {
  #state: "size" | "data" | "afterData" | "trailer" | "done" = "size";
  #line = "";
  /** Bytes of the chunk that are still to come. */
  #left = 0;

  /** Whether the last chunk and the trailer have come. */
  get done(): boolean {
    return this.#state === "done";
  }

  /**
   * What the next bytes of the connection hold, in new memory, maybe nothing; and how many of them
   * belong to this body. Throws for what is no chunk.
   */
  decode(
    bytes: Uint8Array,
  ): { readonly data: Uint8Array<ArrayBuffer>; readonly taken: number } {
    const data = new Uint8Array(bytes.length);
    let filled = 0;
    let at = 0;
    while (at < bytes.length && this.#state !== "done") {
      if (this.#state === "data") {
        const end = Math.min(bytes.length, at + this.#left);
        data.set(bytes.subarray(at, end), filled);
        filled += end - at;
        this.#left -= end - at;
        at = end;
        if (this.#left === 0) this.#state = "afterData";
        continue;
      }
      const newline = bytes.indexOf(10, at);
      const end = newline < 0 ? bytes.length : newline;
      if (this.#line.length + end - at > maxLineBytes) throw malformed();
      for (let i = at; i < end; i++) {
        this.#line += String.fromCharCode(bytes[i] ?? 0);
      }
      at = end + 1;
      if (newline >= 0) this.#takeLine();
    }
    return {
      data: data.subarray(0, filled),
      taken: Math.min(at, bytes.length),
    };
  }

  #takeLine(): void {
    const line = this.#line.endsWith("\r")
      ? this.#line.slice(0, -1)
      : this.#line;
    this.#line = "";
    if (this.#state === "size") {
      const [, size] = /^([0-9a-fA-F]{1,12})[ \t]*(?:;.*)?$/.exec(line) ?? [];
      if (size === undefined) throw malformed();
      this.#left = parseInt(size, 16);
      this.#state = this.#left === 0 ? "trailer" : "data";
    } else if (this.#state === "afterData") {
      if (line !== "") throw malformed();
      this.#state = "size";
    } else if (line === "") {
      this.#state = "done";
    }
  }
}

function malformed(): Error {
  return new Error("Cannot read the answer: its chunks are malformed");
}
