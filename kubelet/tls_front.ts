import type { AbortOptions } from "../async/abort.ts";
import { Deadline } from "../async/deadline.ts";
import { delay } from "../async/delay.ts";
import { getLogger } from "../async/log.ts";
import { TaskGroup } from "../async/task_group.ts";
import { type ByteStream, connStream, pump } from "./byte_stream.ts";
import type { Peer } from "./context.ts";
import {
  readHead,
  type RequestHead,
  textResponse,
  upgradeProtocol,
} from "./http_head.ts";

/** A client that has proven who it is, or that it is nobody. */
export interface AcceptedClient {
  readonly peer: Peer;
  readonly stream: ByteStream;
}

/** A request to switch protocols; whoever takes it answers on `stream` and closes it. */
export interface UpgradeRequest {
  readonly peer: Peer;
  readonly head: RequestHead;
  readonly protocol: "spdy/3.1" | "websocket";
  /** What follows the head. */
  readonly stream: ByteStream;
}

/** Options of {@linkcode TlsFront}. */
export interface TlsFrontOptions {
  /** Closed when the front stops. */
  readonly listener: Deno.Listener<Deno.Conn<Deno.NetAddr>>;
  /** Port on 127.0.0.1 of the HTTP server that answers ordinary requests. */
  readonly backendPort: number;
  /**
   * Does the TLS handshake on a connection that it owns from then on. Undefined for a client that
   * showed a certificate which proves nothing: it was closed.
   */
  readonly accept: (
    conn: Deno.Conn,
    options: AbortOptions,
  ) => Promise<AcceptedClient | undefined>;
  /** Takes requests to switch protocols; they are answered with 501 without it. */
  readonly onUpgrade?: (
    request: UpgradeRequest,
    options: AbortOptions,
  ) => Promise<void>;
  readonly limits?: Partial<FrontLimits>;
}

/** What one client, or all of them, may cost. */
export interface FrontLimits {
  /** Connections at once; more wait in the kernel's queue. 2000 by default. */
  readonly connections: number;
  /** Connections at once that have not sent a whole request head yet. 256 by default. */
  readonly newcomers: number;
  /** Time for the TLS handshake. 10 s by default. */
  readonly handshakeMs: number;
  /** Time from the handshake to the end of the first request's head. 10 s by default. */
  readonly headMs: number;
  /** Time between two requests of one connection. 90 s by default, as the kubelet's. */
  readonly idleMs: number;
}

const defaultLimits: FrontLimits = {
  connections: 2000,
  newcomers: 256,
  handshakeMs: 10_000,
  headMs: 10_000,
  idleMs: 90_000,
};

/** The connection behind a request. */
export interface RequestOrigin {
  readonly peer: Peer;
  /** Aborted when the client has left. */
  readonly left: AbortSignal;
}

/** A connection that was handed to the backend. */
interface PipedConnection extends RequestOrigin {
  requestsInFlight: number;
  lastRequestAt: number;
}

const log = getLogger("kubelet");

/**
 * Accepts TLS connections, reads the first request of each, and pipes it to an ordinary HTTP
 * server on loopback, unless it asks to switch protocols.
 *
 * The backend asks {@linkcode TlsFront.originOf} who is behind a connection.
 */
export class TlsFront {
  readonly #options: TlsFrontOptions;
  readonly #limits: FrontLimits;
  readonly #piped = new Map<string, PipedConnection>();
  #connections = 0;
  #newcomers = 0;
  #left = Promise.withResolvers<void>();

  constructor(options: TlsFrontOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
  }

  /** How many clients are connected now. */
  get connections(): number {
    return this.#connections;
  }

  /**
   * The origin of a request that the backend got, or undefined if it did not come through here:
   * any process of this machine can connect to the backend. The request counts as under way until
   * `completed` settles.
   */
  originOf(
    address: Deno.NetAddr,
    completed: Promise<void>,
  ): RequestOrigin | undefined {
    const connection = this.#piped.get(addressKey(address));
    if (connection === undefined) return undefined;
    connection.requestsInFlight++;
    const done = () => {
      connection.requestsInFlight--;
      connection.lastRequestAt = Date.now();
    };
    completed.then(done, done); // it rejects when the client left meanwhile
    return connection;
  }

  /** Serves until aborted; then drops every connection and closes the listener. */
  async run({ signal }: AbortOptions): Promise<void> {
    const { listener } = this.#options;
    await using group = new TaskGroup(signal);
    const close = () => listener.close();
    group.signal.addEventListener("abort", close, { once: true });
    try {
      await this.#acceptAll(group);
    } finally {
      group.signal.removeEventListener("abort", close);
      if (!group.signal.aborted) listener.close();
    }
  }

  async #acceptAll(group: TaskGroup): Promise<void> {
    const { listener } = this.#options;
    const { signal } = group;
    for (;;) {
      await this.#room(signal);
      if (signal.aborted) return;
      try {
        const conn = await listener.accept();
        group.spawn((signal) => this.#serve(conn, signal));
      } catch (error) {
        if (signal.aborted) return;
        log.warn("Cannot accept a connection", { error });
        await delay(100, { signal }).catch(() => undefined); // aborted: the loop ends
      }
    }
  }

  /** Waits until one more connection may be accepted. */
  async #room(signal: AbortSignal): Promise<void> {
    const stop = () => this.#left.resolve();
    signal.addEventListener("abort", stop, { once: true });
    while (
      !signal.aborted &&
      (this.#connections >= this.#limits.connections ||
        this.#newcomers >= this.#limits.newcomers)
    ) {
      await this.#left.promise;
      this.#left = Promise.withResolvers();
    }
    signal.removeEventListener("abort", stop);
  }

  async #serve(conn: Deno.Conn, signal: AbortSignal): Promise<void> {
    using scope = new DisposableStack();
    this.#connections++;
    scope.defer(() => {
      this.#connections--;
      this.#left.resolve();
    });
    try {
      const newcomer = await this.#meet(conn, signal);
      if (newcomer === undefined) return;
      const { client, request } = newcomer;
      const destroy = () => client.stream.destroy();
      signal.addEventListener("abort", destroy, { once: true });
      scope.defer(() => {
        signal.removeEventListener("abort", destroy);
        destroy();
      });
      await this.#answer(client, request, signal);
    } catch (error) {
      // A client that leaves or breaks the protocol is its own affair; the next one may not.
      log.debug("Lost a client", { error });
    }
  }

  /** Handshake and first head, each within its time. */
  async #meet(conn: Deno.Conn, signal: AbortSignal) {
    this.#newcomers++;
    try {
      const client = await this.#greet(conn, signal);
      if (client === undefined) return undefined;
      using late = new Deadline(this.#limits.headMs, { signal });
      const destroy = () => {
        if (late.expired || signal.aborted) client.stream.destroy();
      };
      late.signal.addEventListener("abort", destroy, { once: true });
      return { client, request: await readHead(client.stream) };
    } finally {
      this.#newcomers--;
      this.#left.resolve();
    }
  }

  async #greet(conn: Deno.Conn, signal: AbortSignal) {
    using deadline = new Deadline(this.#limits.handshakeMs, { signal });
    return await this.#options.accept(conn, deadline);
  }

  async #answer(
    { peer, stream }: AcceptedClient,
    request: Awaited<ReturnType<typeof readHead>>,
    signal: AbortSignal,
  ): Promise<void> {
    switch (request.kind) {
      case "ended":
        return;
      case "bad":
        return await reply(stream, request.status, "Bad Request");
      case "head": {
        const { head } = request;
        const protocol = upgradeProtocol(head.headers);
        if (protocol === undefined) {
          return await this.#pipe(peer, request.stream, signal);
        }
        const { onUpgrade } = this.#options;
        if (onUpgrade === undefined) {
          return await reply(stream, 501, "Not Implemented");
        }
        const upgrade = { peer, head, protocol, stream: request.body };
        return await onUpgrade(upgrade, { signal });
      }
    }
  }

  /** Hands the connection to the backend until either side ends it, or it is idle for too long. */
  async #pipe(
    peer: Peer,
    client: ByteStream,
    signal: AbortSignal,
  ): Promise<void> {
    const conn = await Deno.connect({
      hostname: "127.0.0.1",
      port: this.#options.backendPort,
    });
    const backend = connStream(conn);
    conn.setNoDelay(true);
    const key = addressKey(conn.localAddr as Deno.NetAddr);
    await using group = new TaskGroup(signal);
    const connection = {
      peer,
      left: group.signal,
      requestsInFlight: 0,
      lastRequestAt: Date.now(),
    };
    this.#piped.set(key, connection);
    const destroy = () => {
      // First the name, then the port that carries it: nobody else may ever have both.
      this.#piped.delete(key);
      backend.destroy();
      client.destroy();
    };
    group.signal.addEventListener("abort", destroy, { once: true });
    if (group.signal.aborted) destroy();
    group.spawn(() => this.#untilIdle(connection, group.signal));
    try {
      const downstream = pump(backend, client).then(() => "backend" as const);
      const upstream = pump(client, backend).then(
        () => "client" as const,
        // The backend takes no more: it may have answered all the same.
        () => downstream,
      );
      const ended = Promise.race([upstream, downstream]);
      // Whichever loses ends when its streams are destroyed below.
      upstream.catch(() => undefined);
      downstream.catch(() => undefined);
      if (await ended === "backend") await client.close();
    } finally {
      destroy();
    }
  }

  /** Rejects once no request has been under way for the idle time. */
  async #untilIdle(
    connection: PipedConnection,
    signal: AbortSignal,
  ): Promise<void> {
    const { idleMs } = this.#limits;
    for (;;) {
      const busy = connection.requestsInFlight > 0;
      const idleFor = busy ? 0 : Date.now() - connection.lastRequestAt;
      if (idleFor >= idleMs) throw new Error("The client is idle");
      await delay(idleMs - idleFor, { signal });
    }
  }
}

async function reply(
  stream: ByteStream,
  status: number,
  text: string,
): Promise<void> {
  await stream.write(textResponse(status, text));
  await stream.close();
}

/** One address and port; the port alone would let a process on 127.0.0.2 borrow a name. */
function addressKey({ hostname, port }: Deno.NetAddr): string {
  return `${hostname} ${port}`;
}
