/**
 * Bytes in both directions over one connection, whatever carries it.
 *
 * A slow reader slows the sender down: `write` resolves when the transport has taken the bytes,
 * and nothing is read ahead beyond a bounded amount. One `read` at a time, one `write` at a time.
 */
export interface ByteStream {
  /**
   * The next bytes, or undefined once the peer has ended, or the connection is gone. They may be
   * overwritten by the next read: who keeps them copies them.
   */
  read(): Promise<Uint8Array | undefined>;
  /** Resolves when `bytes` may be changed again; rejects when the connection is gone. */
  write(bytes: Uint8Array): Promise<void>;
  /** Sends what was written, says goodbye, and resolves when the connection is gone. */
  close(): Promise<void>;
  /** Drops the connection at once; pending reads end and pending writes reject. Repeatable. */
  destroy(): void;
}

/** A {@linkcode ByteStream} whose directions end one by one. */
export interface DuplexStream extends ByteStream {
  /** Ends our direction once what was written is sent; the peer may go on. Repeatable. */
  closeWrite(): Promise<void>;
}

const chunkBytes = 64 * 1024;

/** A plain or TLS connection of the runtime as a {@linkcode ByteStream}. */
export function connStream(conn: Deno.Conn): ByteStream {
  const buffer = new Uint8Array(chunkBytes);
  return {
    read: () => readInto(conn, buffer),
    write: (bytes) => writeConn(conn, bytes),
    async close() {
      await closeWrite(conn);
      closeConn(conn);
    },
    destroy: () => closeConn(conn),
  };
}

/**
 * A stream from which bytes can be read before they are wanted: those that came with others, and
 * those that come while nobody asks for them, so that the peer's end is noticed.
 */
export class PushbackStream implements ByteStream {
  readonly #stream: ByteStream;
  #kept: Uint8Array | undefined;
  #ahead: Promise<Uint8Array | undefined> | undefined;

  constructor(stream: ByteStream) {
    this.#stream = stream;
  }

  /** Puts bytes in front of what is still to be read; they must not change meanwhile. */
  unread(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#kept = bytes;
  }

  async read(): Promise<Uint8Array | undefined> {
    const kept = this.#kept;
    if (kept !== undefined) {
      this.#kept = undefined;
      return kept;
    }
    const ahead = this.#ahead ?? this.#stream.read();
    this.#ahead = undefined;
    return await ahead;
  }

  /**
   * Calls back when the peer ends, or the connection is lost. Reads one chunk ahead for it: a peer
   * that sends something meanwhile is not listened to any further.
   */
  onEnd(callback: () => void): void {
    if (this.#kept !== undefined) return;
    this.#ahead ??= this.#stream.read();
    this.#ahead.then((chunk) => {
      if (chunk === undefined) callback();
    });
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#stream.write(bytes);
  }

  close(): Promise<void> {
    return this.#stream.close();
  }

  destroy(): void {
    this.#stream.destroy();
  }
}

/** Copies until `from` ends; rejects when `to` cannot be written any more. */
export async function pump(from: ByteStream, to: ByteStream): Promise<void> {
  for (;;) {
    const chunk = await from.read();
    if (chunk === undefined) return;
    await to.write(chunk);
  }
}

/** The next bytes of a connection, to keep; undefined at its end, however it came to it. */
export async function readConn(
  conn: Deno.Conn,
): Promise<Uint8Array | undefined> {
  const chunk = await readInto(conn, new Uint8Array(chunkBytes));
  // A small read must not keep 64 KiB alive while it waits in a queue.
  return chunk && chunk.length < chunkBytes / 8 ? chunk.slice() : chunk;
}

async function readInto(
  conn: Deno.Conn,
  buffer: Uint8Array,
): Promise<Uint8Array | undefined> {
  const count = await conn.read(buffer).catch(() => null); // a reset is an end too
  return count === null ? undefined : buffer.subarray(0, count);
}

/** Writes all of `bytes`. */
export async function writeConn(
  conn: Deno.Conn,
  bytes: Uint8Array,
): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += await conn.write(bytes.subarray(written));
  }
}

/** Ends the sending side; a connection that is gone already needs no end. */
export async function closeWrite(conn: Deno.Conn): Promise<void> {
  await conn.closeWrite().catch(() => undefined);
}

/** Closes a connection, once or more often. */
export function closeConn(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch (error) {
    // Closed before: by us, or by the runtime after a failed read.
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
