import type { AbortOptions } from "../async/abort.ts";
import { Deadline } from "../async/deadline.ts";
import { delay } from "../async/delay.ts";
import { getLogger } from "../async/log.ts";
import { TaskGroup } from "../async/task_group.ts";
import { type ByteStream, PushbackStream } from "../async/byte_stream.ts";
import type { Peer } from "./context.ts";
import { answerRequest } from "./http_connection.ts";
import {
  type HeadResult,
  readHead,
  type RequestHead,
  textResponse,
  upgradeProtocol,
} from "../async/http_head.ts";

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

/** Options of {@linkcode HttpFront}. */
export interface HttpFrontOptions {
  /** Closed when the front stops. */
  readonly listener: Pick<Deno.Listener, "accept" | "close">;
  /** Answers ordinary requests. */
  readonly handler: (
    request: Request,
    origin: RequestOrigin,
  ) => Response | Promise<Response>;
  /**
   * Meets a new client, with a TLS handshake where there is one, on a connection that it owns from then on. Undefined for a client that
   * showed a certificate which proves nothing: it was closed.
   */
  readonly accept: (
    conn: Deno.Conn,
    options: AbortOptions,
  ) => Promise<AcceptedClient | undefined>;
  /** Takes requests to switch protocols; without it they are answered as ordinary ones. */
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

const log = getLogger("kubelet");

/** Accepts connections and answers the HTTP/1.1 requests on them, one after the other. */
export class HttpFront {
  readonly #options: HttpFrontOptions;
  readonly #limits: FrontLimits;
  #connections = 0;
  #newcomers = 0;
  #left = Promise.withResolvers<void>();

  constructor(options: HttpFrontOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
  }

  /** How many clients are connected now. */
  get connections(): number {
    return this.#connections;
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
        if (isOfOneClient(error)) continue; // it left before it was accepted
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
      if (isTcp(conn)) {
        // The echo of a key must not wait until the one before has been acknowledged.
        conn.setNoDelay(true);
        conn.setKeepAlive(true);
      }
      const newcomer = await this.#meet(conn, signal);
      if (newcomer === undefined) return;
      const destroy = () => newcomer.stream.destroy();
      signal.addEventListener("abort", destroy, { once: true });
      scope.defer(() => {
        signal.removeEventListener("abort", destroy);
        destroy();
      });
      await this.#answerAll(newcomer, signal);
    } catch (error) {
      // A client that leaves or breaks the protocol is its own affair; the next one may not.
      log.debug("Lost a client", { error });
    }
  }

  /** Handshake and first head, each within its time. */
  async #meet(
    conn: Deno.Conn,
    signal: AbortSignal,
  ): Promise<Newcomer | undefined> {
    this.#newcomers++;
    try {
      const client = await this.#greet(conn, signal);
      if (client === undefined) return undefined;
      const stream = new PushbackStream(client.stream);
      const first = await headWithin(this.#limits.headMs, stream, { signal });
      return { peer: client.peer, stream, first };
    } finally {
      this.#newcomers--;
      this.#left.resolve();
    }
  }

  async #greet(conn: Deno.Conn, signal: AbortSignal) {
    using deadline = new Deadline(this.#limits.handshakeMs, { signal });
    return await this.#options.accept(conn, deadline);
  }

  async #answerAll(
    { peer, stream, first }: Newcomer,
    signal: AbortSignal,
  ): Promise<void> {
    const { handler, onUpgrade } = this.#options;
    let request = first;
    for (;;) {
      switch (request.kind) {
        case "ended":
          return;
        case "bad":
          await stream.write(textResponse(request.status, "Bad Request"));
          return await stream.close();
        case "head":
      }
      const { head } = request;
      const protocol = upgradeProtocol(head.headers);
      if (protocol !== undefined && onUpgrade !== undefined) {
        return await onUpgrade({ peer, head, protocol, stream }, { signal });
      }
      const answer = (request: Request, { signal: left }: AbortOptions) =>
        handler(request, { peer, left });
      const reusable = await answerRequest(stream, head, answer, { signal });
      if (!reusable) return await stream.close();
      request = await headWithin(this.#limits.idleMs, stream, { signal });
    }
  }
}

function isTcp(conn: Deno.Conn): conn is Deno.TcpConn {
  return "setNoDelay" in conn;
}

/** Whether only one client is affected: the next one must not wait for it. */
function isOfOneClient(error: unknown): boolean {
  const { NotConnected, ConnectionReset, ConnectionAborted } = Deno.errors;
  return [NotConnected, ConnectionReset, ConnectionAborted]
    .some((kind) => error instanceof kind);
}

/** A client whose first request has come, if only its head. */
interface Newcomer {
  readonly peer: Peer;
  readonly stream: PushbackStream;
  readonly first: HeadResult;
}

/** Reads the next head; drops the connection when it does not come in time. */
async function headWithin(
  ms: number,
  stream: PushbackStream,
  { signal }: AbortOptions,
): Promise<HeadResult> {
  using late = new Deadline(ms, { signal });
  const destroy = () => {
    if (late.expired || signal.aborted) stream.destroy();
  };
  late.signal.addEventListener("abort", destroy, { once: true });
  return await readHead(stream);
}
