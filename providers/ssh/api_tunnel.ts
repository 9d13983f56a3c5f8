import { abortable, type AbortOptions } from "../../async/abort.ts";
import { type Backoff, backoffDelay, jitter } from "../../async/backoff.ts";
import {
  closeConn,
  closeWrite,
  connStream,
  type DuplexStream,
  pump,
} from "../../async/byte_stream.ts";
import { ChangeFeed } from "../../async/change_feed.ts";
import { Deadline } from "../../async/deadline.ts";
import { delay } from "../../async/delay.ts";
import { getLogger } from "../../async/log.ts";
import { messageOf } from "../../async/message_of.ts";
import { UnreachableError } from "../errors.ts";
import type { ConditionSource, ServerAddress } from "../provider.ts";
import { relaySocket } from "./api_relay.ts";
import type { Host } from "./host.ts";
import { runScript } from "./host_script.ts";

/** Options for {@linkcode ApiTunnel}. */
export interface ApiTunnelOptions {
  readonly host: Host;
  /** The API server, as this machine connects to it. */
  readonly server: ServerAddress;
  /**
   * The directory on the host that has the socket and nothing else, absolute. It is made with mode
   * 0700 and never replaced, so that it can be mounted in sandboxes.
   */
  readonly directory: (options: AbortOptions) => Promise<string>;
  /** How many connections the host's pods may have together; more are closed. 512 unless given. */
  readonly connectionLimit?: number;
}

/** Whether pods can reach the API server through an {@linkcode ApiTunnel}. */
export type TunnelState =
  | { readonly kind: "open" }
  | {
    readonly kind: "closed";
    /** A CamelCase word. */
    readonly reason: string;
    readonly message: string;
  };

/** Milliseconds between tries; what a host refuses, it refuses until somebody changes it. */
const retry: Backoff = { base: 1000, cap: 300_000 };

/** Milliseconds until the API server must have taken a connection. */
const connectTimeout = 15_000;

const log = getLogger("ssh");

/**
 * The API server on a unix socket of a host, through the connection to it: what connects to the
 * socket there is connected to the API server from here. TLS stays between the two.
 */
export class ApiTunnel implements ConditionSource {
  readonly #options: ApiTunnelOptions;
  readonly #feed = new ChangeFeed<"state">();
  readonly #open = new Set<DuplexStream>();
  #state: TunnelState = {
    kind: "closed",
    reason: "Opening",
    message: "The tunnel to the API server is not open yet",
  };

  constructor(options: ApiTunnelOptions) {
    this.#options = options;
  }

  get state(): TunnelState {
    return this.#state;
  }

  /** How many connections there are now. */
  get connections(): number {
    return this.#open.size;
  }

  /** The directory to mount in sandboxes; it is there then. */
  async directory(options: AbortOptions): Promise<string> {
    const path = await this.#options.directory(options);
    await runScript(this.#options.host, directoryScript, {
      action: "make the directory of the tunnel to the API server",
      args: [path],
      ...options,
    });
    return path;
  }

  /** The state as a condition of the Node: `ApiServerReachable`, said of its pods. */
  get condition(): ConditionSource["condition"] {
    const state = this.#state;
    const type = "ApiServerReachable";
    if (state.kind === "open") {
      return {
        type,
        status: "True",
        reason: "TunnelOpen",
        message: "Pods reach the API server through farlet's SSH connection",
      };
    }
    const { reason, message } = state;
    return { type, status: "False", reason, message };
  }

  async *changes(options: AbortOptions): AsyncGenerator<TunnelState> {
    const known = () => ["state"] as const;
    for await (const _ of this.#feed.changes(options, known)) yield this.#state;
  }

  /** Keeps the tunnel open whenever the host is connected, until aborted. */
  async run({ signal }: AbortOptions): Promise<void> {
    const { host } = this.#options;
    for (let failures = 0; !signal.aborted;) {
      try {
        await host.connected({ signal });
        await this.#listen(() => failures = 0, { signal });
      } catch (error) {
        if (signal.aborted) return;
        // A lost link is made again by others, and is said by them.
        if (!(error instanceof UnreachableError)) failures++;
        this.#fail(error);
      }
      await delay(jitter(backoffDelay(failures, retry)), { signal })
        .catch(() => undefined);
    }
  }

  /** Listens until the connection to the host is lost. */
  async #listen(listening: () => void, { signal }: AbortOptions) {
    const { host } = this.#options;
    const path = `${await this.directory({ signal })}/${relaySocket}`;
    if (new TextEncoder().encode(path).length > maxSocketPath) {
      throw new RangeError(
        `Cannot listen on "${path}": a socket's path has at most ${maxSocketPath} bytes`,
      );
    }
    const over = new AbortController();
    const either = { signal: AbortSignal.any([signal, over.signal]) };
    await using listener = await host.listen(
      { kind: "unix", path },
      (stream) => this.#take(stream, either),
      { signal },
    );
    using _ = { [Symbol.dispose]: () => over.abort() };
    listening();
    this.#set({ kind: "open" });
    log.info("Opened the tunnel to the API server", { host: host.name });
    await abortable(listener.ended, { signal });
    throw new UnreachableError(`The connection to ${host.name} was lost`);
  }

  /** Never rejects. */
  async #take(stream: DuplexStream, options: AbortOptions): Promise<void> {
    const { connectionLimit = 512, host, server } = this.#options;
    if (this.#open.size >= connectionLimit) {
      log.warn("Too many connections to the API server", { host: host.name });
      return stream.destroy();
    }
    this.#open.add(stream);
    try {
      await join(stream, await connect(server, options), options);
    } catch (error) {
      stream.destroy();
      if (options.signal.aborted) return;
      log.warn("Cannot connect a pod to the API server", {
        host: host.name,
        error,
      });
    } finally {
      this.#open.delete(stream);
    }
  }

  #fail(error: unknown): void {
    const { host } = this.#options;
    const message = messageOf(error);
    if (error instanceof UnreachableError) {
      return this.#set({ kind: "closed", reason: "HostUnreachable", message });
    }
    const refused = error instanceof Deno.errors.PermissionDenied;
    const reason = refused ? "ForwardingRefused" : "TunnelFailed";
    if (this.#state.kind === "open" || this.#state.message !== message) {
      log.warn("Cannot open the tunnel to the API server", {
        host: host.name,
        error,
      });
    }
    this.#set({ kind: "closed", reason, message });
  }

  #set(state: TunnelState): void {
    this.#state = state;
    this.#feed.notify("state");
  }
}

/** Milliseconds until a host that can reach a server has done so. */
const reachTimeout = 5000;

/**
 * Whether a host can connect to a server at the address that this machine uses. A loopback address
 * is another machine's there. Rejects with an `UnreachableError` when the host is not connected.
 */
export async function hostReaches(
  host: Host,
  { host: name, port }: ServerAddress,
  options: AbortOptions,
): Promise<boolean> {
  if (/^(127\..*|::1|localhost)$/i.test(name)) return false;
  using deadline = new Deadline(reachTimeout, options);
  try {
    const stream = await host.dial({ kind: "tcp", host: name, port }, deadline);
    stream.destroy();
    return true;
  } catch (error) {
    options.signal.throwIfAborted();
    if (error instanceof UnreachableError) throw error;
    // Refused, filtered, unknown there, or not ours to try.
    return false;
  }
}

/** Bytes of a path that fit `sun_path`, without the 0 behind it. */
const maxSocketPath = 107;

const directoryScript = `
mkdir -p -- "$1"
chmod 700 "$1"
label "$1"`;

async function connect(
  { host: hostname, port }: ServerAddress,
  options: AbortOptions,
): Promise<Deno.TcpConn> {
  using deadline = new Deadline(connectTimeout, options);
  const connecting = Deno.connect({ hostname, port });
  try {
    const conn = await abortable(connecting, deadline);
    // A pod that watches may be silent for long; what is between must not forget it.
    conn.setKeepAlive(true);
    conn.setNoDelay(true);
    return conn;
  } catch (error) {
    connecting.then(closeConn, () => undefined);
    throw error;
  }
}

/** Copies both ways until both have ended, or one cannot go on. Rejects never. */
async function join(
  stream: DuplexStream,
  conn: Deno.TcpConn,
  { signal }: AbortOptions,
): Promise<void> {
  const drop = () => {
    stream.destroy();
    closeConn(conn);
  };
  if (signal.aborted) return drop();
  signal.addEventListener("abort", drop, { once: true });
  const server = connStream(conn);
  // What cannot be written ends both; the peer that went away is no failure of ours.
  await Promise.all([
    pump(stream, server).then(() => closeWrite(conn)).catch(drop),
    pump(server, stream).then(() => stream.closeWrite()).catch(drop),
  ]);
  signal.removeEventListener("abort", drop);
  closeConn(conn);
  await abortable(stream.close(), { signal }).catch(() => stream.destroy());
}
