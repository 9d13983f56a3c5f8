import { Buffer } from "node:buffer";
import { once } from "node:events";
import tls from "node:tls";
import { abortable, type AbortOptions } from "../async/abort.ts";
import {
  closeConn,
  closeWrite,
  connStream,
  type DuplexStream,
  pump,
} from "../async/byte_stream.ts";

/** What the first record of a TLS server is: an alert, or part of the handshake. */
const firstRecords: readonly (number | undefined)[] = [21, 22];

/** A server that was spoken TLS to answers something else; its message is the one of Go. */
class NoTlsError extends Error {
  override readonly name = "NoTlsError";
}

/**
 * Speaks TLS over `stream`, which it owns from here on: it is destroyed when this rejects, and with
 * the stream that it gives. Any certificate of the server's will do, as for a kubelet.
 *
 * The TLS of Deno 2.6 knows no streams but sockets, so one on loopback stands between.
 */
export async function securedStream(
  stream: DuplexStream,
  { serverName, signal }: AbortOptions & {
    /** Said to the server; nothing where it is an address. */
    readonly serverName?: string;
  },
): Promise<DuplexStream> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const socket = tls.connect({
    host: "127.0.0.1",
    port: listener.addr.port,
    rejectUnauthorized: false,
    ALPNProtocols: ["http/1.1"],
    ...(serverName !== undefined && { servername: serverName }),
  });
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined); // told by the handshake, or by the reader
  const secured = new SecuredStream(socket, () => stream.destroy());
  socket.on("error", failed.reject);
  socket.on("close", () => failed.reject(new Error("EOF")));
  try {
    const shaken = once(socket, "secureConnect", { signal });
    shaken.catch(() => undefined); // it is waited for below
    const conn = await acceptFrom(listener, socket, { signal });
    relay(conn, stream, failed.reject);
    await abortable(Promise.race([shaken, failed.promise]), { signal });
    return secured;
  } catch (error) {
    secured.destroy();
    throw error;
  }
}

/** The end of `socket` here; whoever else has found the listener is turned away. */
async function acceptFrom(
  listener: Deno.TcpListener,
  socket: tls.TLSSocket,
  { signal }: AbortOptions,
): Promise<Deno.Conn> {
  await once(socket, "connect", { signal });
  for (;;) {
    const conn = await abortable(listener.accept(), { signal });
    if (conn.remoteAddr.port === socket.localPort) return conn;
    closeConn(conn);
  }
}

/** Copies both ways until both have ended; a server that speaks no TLS is told of. */
function relay(
  conn: Deno.Conn,
  stream: DuplexStream,
  fail: (error: Error) => void,
): void {
  const near = connStream(conn);
  const up = pump(near, stream).then(() => stream.closeWrite());
  const down = copyRecords(stream, near, fail).then(() => closeWrite(conn));
  // One that breaks ends both; who reads hears of it by the end.
  const drop = () => {
    closeConn(conn);
    stream.destroy();
  };
  up.catch(drop);
  down.catch(drop);
  Promise.allSettled([up, down]).then(drop);
}

async function copyRecords(
  from: DuplexStream,
  to: Pick<DuplexStream, "write">,
  fail: (error: Error) => void,
): Promise<void> {
  for (let first = true;; first = false) {
    const chunk = await from.read();
    if (chunk === undefined) return;
    if (first && !firstRecords.includes(chunk[0])) {
      fail(new NoTlsError(noTlsMessage(chunk)));
    }
    await to.write(chunk);
  }
}

function noTlsMessage(chunk: Uint8Array): string {
  return new TextDecoder("latin1").decode(chunk.subarray(0, 5)) === "HTTP/"
    ? "http: server gave HTTP response to HTTPS client"
    : "tls: first record does not look like a TLS handshake";
}

/** The decrypted side. */
class SecuredStream implements DuplexStream {
  readonly #socket: tls.TLSSocket;
  readonly #drop: () => void;
  readonly #chunks: Uint8Array[] = [];
  #ended = false;
  #woken = Promise.withResolvers<void>();

  constructor(socket: tls.TLSSocket, drop: () => void) {
    this.#socket = socket;
    this.#drop = drop;
    const end = () => {
      this.#ended = true;
      this.#woken.resolve();
    };
    socket.on("data", (chunk: Uint8Array) => {
      this.#chunks.push(new Uint8Array(chunk));
      this.#woken.resolve();
    });
    for (const event of ["end", "close", "error"]) socket.on(event, end);
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined || this.#ended) return chunk;
      await this.#woken.promise;
      this.#woken = Promise.withResolvers();
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      const lost = () => reject(new Error("EOF"));
      this.#socket.once("close", lost);
      this.#socket.write(Buffer.from(bytes), (error) => {
        this.#socket.off("close", lost);
        return error ? reject(error) : resolve();
      });
    });
  }

  closeWrite(): Promise<void> {
    this.#socket.end();
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.destroy();
    return Promise.resolve();
  }

  destroy(): void {
    this.#ended = true;
    this.#woken.resolve();
    this.#socket.destroy();
    this.#drop();
  }
}
