import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import tls from "node:tls";
import { abortable, type AbortOptions } from "../async/abort.ts";
import { delay } from "../async/delay.ts";
import {
  type ByteStream,
  closeConn,
  closeWrite,
  readConn,
  writeConn,
} from "../async/byte_stream.ts";

/** A certificate chain with its private key, both PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly privateKey: string;
}

/** What the server shows, and whose client certificates it believes. */
export interface TlsIdentity {
  readonly serving: KeyPair;
  /** PEM; undefined: clients are not asked for a certificate. */
  readonly clientCa: string | undefined;
}

/** Who a TLS client has proven to be. */
export type TlsPeer =
  | { readonly kind: "none" }
  /** The certificate chains to the client CA, is valid now and may be used by clients. */
  | {
    readonly kind: "verified";
    /** CN, the last one where there are several. */
    readonly commonName: string;
    /** Every O. */
    readonly organizations: readonly string[];
  }
  /** A certificate was shown that proves nothing. */
  | { readonly kind: "unverified"; readonly reason: string };

/** A client after its TLS handshake. */
export interface TlsConnection {
  readonly peer: TlsPeer;
  readonly stream: ByteStream;
}

/**
 * Does the server's side of a TLS handshake on `conn`, which it owns from here on: it is closed
 * when this rejects, and with the stream.
 *
 * Needs Deno 2.8.3; older ones ignore client certificates or believe in absent ones.
 */
export async function acceptTls(
  conn: Deno.Conn,
  identity: TlsIdentity,
  { signal }: AbortOptions,
): Promise<TlsConnection> {
  const wire = new Wire(conn);
  const abort = () => wire.destroy();
  signal.addEventListener("abort", abort, { once: true });
  try {
    const settled = new AbortController();
    const left = leftEarly(wire, { signal: settled.signal });
    const socket = await abortable(
      Promise.race([handshake(wire, identity), left]),
      { signal },
    ).finally(() => settled.abort());
    return { peer: tlsPeer(socket), stream: new TlsStream(socket, wire) };
  } catch (error) {
    wire.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/**
 * Rejects when the client has ended its side and the handshake does not come to an end without it;
 * Deno's TLSSocket does not tell of that.
 */
async function leftEarly(wire: Wire, { signal }: AbortOptions): Promise<never> {
  await wire.ended;
  // Its last bytes may still be on their way through node:tls.
  await delay(lastBytesMs, { signal });
  throw new Error("The client left");
}

function handshake(
  wire: Wire,
  { serving, clientCa }: TlsIdentity,
): Promise<tls.TLSSocket> {
  // A server of its own for each connection: 0.6 ms, and the only way to know whose handshake it
  // was, to get `authorized`, and to change certificates without touching other connections.
  const server = tls.createServer({
    cert: serving.certificate,
    key: serving.privateKey,
    // Without a CA node:tls would believe the public ones.
    ...(clientCa !== undefined && { ca: [clientCa], requestCert: true }),
    rejectUnauthorized: false,
    minVersion: "TLSv1.2",
    ALPNProtocols: ["http/1.1"],
    // The caller's signal is the deadline.
    handshakeTimeout: 2 ** 31 - 1,
  });
  return new Promise((resolve, reject) => {
    server.on("secureConnection", resolve);
    server.on("tlsClientError", reject);
    wire.on("error", reject);
    wire.on("close", () => reject(new Error("The client left")));
    server.emit("connection", wire);
  });
}

/** Reads what node:tls found out. `authorized` alone says nothing of who shows no certificate. */
function tlsPeer(socket: tls.TLSSocket): TlsPeer {
  const certificate: Partial<tls.PeerCertificate> | undefined = socket
    .getPeerCertificate();
  if (certificate?.raw === undefined) return { kind: "none" };
  if (socket.authorized !== true) {
    return { kind: "unverified", reason: String(socket.authorizationError) };
  }
  // The parsed subject, never its text form, in which a line break in O would forge a group.
  const subject: Readonly<Record<string, unknown>> = {
    ...certificate.subject,
  };
  return {
    kind: "verified",
    commonName: strings(subject.CN).at(-1) ?? "",
    organizations: strings(subject.O),
  };
}

/** A repeated part of a name comes as an array. */
function strings(part: unknown): readonly string[] {
  const parts = Array.isArray(part) ? part : [part];
  return parts.filter((value) => typeof value === "string");
}

/** Bytes decrypted but not taken yet, above which the wire is not read, and below which again. */
const highWaterBytes = 256 * 1024;
const lowWaterBytes = 128 * 1024;

/** How long the last bytes of a client may take to become a handshake. */
const lastBytesMs = 500;

/** How long a peer has to end its side after we ended ours. */
const goodbyeMs = 1000;

/**
 * The encrypted side, with a gate: a TLSSocket of Deno 2.9 goes on reading while it is paused, so
 * a slow consumer can only be felt by not reading the wire.
 */
class Wire extends Duplex {
  readonly #conn: Deno.Conn;
  #gate: PromiseWithResolvers<void> | undefined;
  /** Resolves when the peer has ended its side, or the connection is gone. */
  readonly ended: Promise<void>;

  constructor(conn: Deno.Conn) {
    super({ allowHalfOpen: true });
    this.#conn = conn;
    this.ended = this.#receive();
  }

  hold(): void {
    this.#gate ??= Promise.withResolvers();
  }

  release(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  async #receive(): Promise<void> {
    for (;;) {
      await this.#gate?.promise;
      const chunk = await readConn(this.#conn);
      if (this.destroyed) return;
      if (chunk === undefined) break;
      this.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    }
    this.push(null);
  }

  override _read(): void {
    // Bytes are pushed as they come; the gate holds them back.
  }

  override _write(
    chunk: Uint8Array,
    _encoding: string,
    done: (error?: Error | null) => void,
  ): void {
    writeConn(this.#conn, chunk).then(() => done(), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    closeWrite(this.#conn).then(() => done());
  }

  override _destroy(
    error: Error | null,
    done: (error?: Error | null) => void,
  ): void {
    // Deno 2.8 keeps a closed socket open as long as a read is pending; so it at least gets a FIN.
    closeWrite(this.#conn);
    closeConn(this.#conn);
    this.release();
    done(error);
  }
}

/** The decrypted side. */
class TlsStream implements ByteStream {
  readonly #socket: tls.TLSSocket;
  readonly #wire: Wire;
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #ended = false;
  #closing = false;
  #woken = Promise.withResolvers<void>();

  constructor(socket: tls.TLSSocket, wire: Wire) {
    this.#socket = socket;
    this.#wire = wire;
    const end = () => {
      this.#ended = true;
      this.#woken.resolve();
    };
    socket.on("data", (chunk: Uint8Array) => this.#receive(chunk));
    socket.on("end", end);
    socket.on("close", end);
    // What broke is told to the reader as an end and to the writer by its callback.
    socket.on("error", end);
    wire.on("error", end);
    wire.on("close", end);
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.#queue.shift();
      if (chunk !== undefined) {
        this.#queuedBytes -= chunk.byteLength;
        if (this.#queuedBytes <= lowWaterBytes) this.#wire.release();
        return chunk;
      }
      if (this.#ended) return undefined;
      await this.#woken.promise;
      this.#woken = Promise.withResolvers();
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#wire.destroyed || this.#socket.destroyed) {
      return Promise.reject(new Error("Cannot write: the client left"));
    }
    return new Promise((resolve, reject) => {
      const lost = () => reject(new Error("Cannot write: the client left"));
      this.#wire.once("close", lost);
      this.#socket.write(bytes, (error) => {
        this.#wire.off("close", lost);
        return error ? reject(error) : resolve();
      });
    });
  }

  async close(): Promise<void> {
    if (this.#wire.destroyed) return;
    this.#closing = true;
    this.#socket.end();
    // What still comes in is dropped: closing a socket with unread bytes would reset it.
    this.#wire.release();
    const waiting = new AbortController();
    await Promise.race([
      this.#wire.ended,
      delay(goodbyeMs, waiting),
    ]).finally(() => waiting.abort());
    this.destroy();
  }

  destroy(): void {
    this.#ended = true;
    this.#woken.resolve();
    this.#socket.destroy();
    this.#wire.destroy();
  }

  #receive(chunk: Uint8Array): void {
    if (this.#closing) return;
    // A plain view: Buffer#slice does not copy, and nothing behind here should know Buffers.
    this.#queue.push(
      new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength),
    );
    this.#queuedBytes += chunk.byteLength;
    if (this.#queuedBytes > highWaterBytes) this.#wire.hold();
    this.#woken.resolve();
  }
}
