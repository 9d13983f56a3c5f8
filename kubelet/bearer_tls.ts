import { abortable, type AbortOptions } from "../async/abort.ts";
import { delay } from "../async/delay.ts";
import {
  type ByteStream,
  closeConn,
  closeWrite,
  connStream,
} from "../async/byte_stream.ts";
import { keyPairValidity } from "./kept_key_pair.ts";
import type { KeyPair } from "./tls_stream.ts";

/** How long what was written last may take to leave. */
const goodbyeMs = 1000;

/**
 * TLS without client certificates, by the runtime's own server, for runtimes that can do no more.
 *
 * That server keeps its first certificate for life, and its connections cannot be closed before
 * their handshake is done (measured: no FIN, on 2.6 and 2.9). So it listens on loopback only, and
 * what clients send is copied there: our side of them can be closed at any time, and another
 * certificate is another server.
 */
export class BearerTls implements Disposable {
  #server: Deno.TlsListener;
  #closed = false;
  /** One connection at a time is made to the server; between them it may be replaced. */
  #turn: Promise<unknown> = Promise.resolve();

  /** Throws when the pair cannot be used. */
  constructor(serving: KeyPair) {
    this.#server = startServer(serving);
  }

  /** Shows `serving` to later clients; connections go on. Rejects when it cannot be used. */
  async serve(serving: KeyPair): Promise<void> {
    const next = startServer(serving);
    await this.#inTurn(() => {
      if (this.#closed) next.close();
      else {
        this.#server.close();
        this.#server = next;
      }
      return Promise.resolve();
    });
  }

  /**
   * Does the server's side of a handshake on `conn`, which it owns from here on: it is closed when
   * this rejects, and with the stream.
   */
  async accept(conn: Deno.Conn, { signal }: AbortOptions): Promise<ByteStream> {
    const { near, far } = await this.#inTurn(() => this.#connect())
      .catch((error: unknown) => {
        closeConn(conn);
        throw error;
      });
    const stream = joined(conn, near, far);
    try {
      signal.throwIfAborted();
      await abortable(far.handshake(), { signal });
      return stream;
    } catch (error) {
      stream.destroy();
      throw error;
    }
  }

  /** Takes no more clients; their connections go on. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#server.close();
  }

  async #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(task);
    this.#turn = done.catch(() => undefined); // its caller is told
    return await done;
  }

  /** Both ends of a new connection to the server. */
  async #connect(): Promise<{ near: Deno.TcpConn; far: Deno.TlsConn }> {
    const server = this.#server;
    const { port } = server.addr as Deno.NetAddr;
    const near = await Deno.connect({ hostname: "127.0.0.1", port });
    near.setNoDelay(true);
    try {
      for (;;) {
        const far = await server.accept();
        if (isSame(far.remoteAddr, near.localAddr)) return { near, far };
        closeConn(far); // any process of this machine can connect
      }
    } catch (error) {
      closeConn(near);
      throw error;
    }
  }
}

function startServer(serving: KeyPair): Deno.TlsListener {
  keyPairValidity(serving);
  return Deno.listenTls({
    hostname: "127.0.0.1",
    port: 0,
    cert: serving.certificate,
    key: serving.privateKey,
    alpnProtocols: ["http/1.1"],
  });
}

/** The decrypted side of `conn`, whose bytes are copied to `near`, the other end of `far`. */
function joined(
  conn: Deno.Conn,
  near: Deno.Conn,
  far: Deno.TlsConn,
): ByteStream {
  const [client, server] = [connStream(conn), connStream(near)];
  const plain = connStream(far);
  const destroy = () => {
    // A conn that is closed while it is read may stay open: so it at least gets a FIN.
    closeWrite(conn);
    closeWrite(near);
    client.destroy();
    server.destroy();
    plain.destroy();
  };
  pump(client, server).then(() => closeWrite(near), destroy);
  const sent = pump(server, client).then(() => closeWrite(conn), destroy);
  return {
    read: () => plain.read(),
    write: (bytes) => plain.write(bytes),
    async close() {
      await closeWrite(far);
      const waiting = new AbortController();
      await Promise.race([sent, delay(goodbyeMs, waiting)])
        .finally(() => waiting.abort());
      destroy();
    },
    destroy,
  };
}

/** Copies until `from` ends; rejects when `to` cannot be written any more. */
async function pump(from: ByteStream, to: ByteStream): Promise<void> {
  for (;;) {
    const chunk = await from.read();
    if (chunk === undefined) return;
    await to.write(chunk);
  }
}

function isSame(a: Deno.Addr, b: Deno.Addr): boolean {
  return a.transport === "tcp" && b.transport === "tcp" &&
    a.port === b.port && a.hostname === b.hostname;
}
