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

/** `stream` with `bytes` in front of what is still to be read from it. */
export function prepend(stream: ByteStream, bytes: Uint8Array): ByteStream {
  let first = bytes.length > 0 ? bytes : undefined;
  return {
    read() {
      if (first === undefined) return stream.read();
      const chunk = first;
      first = undefined;
      return Promise.resolve(chunk);
    },
    write: (chunk) => stream.write(chunk),
    close: () => stream.close(),
    destroy: () => stream.destroy(),
  };
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
