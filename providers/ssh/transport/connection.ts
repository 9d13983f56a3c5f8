import type { Duplex } from "node:stream";
import { abortable, type AbortOptions } from "../../../async/abort.ts";
import type { DuplexStream } from "../../../async/byte_stream.ts";
import { delay } from "../../../async/delay.ts";
import { messageOf } from "../../../async/message_of.ts";
import { UnreachableError } from "../../errors.ts";
import type { RemoteAddress } from "../host.ts";
import { ChannelStream } from "./channel_stream.ts";
import { ConnectError, targetName } from "./connect_error.ts";
import type { DialLimit } from "./dial_limit.ts";
import { shakeHands } from "./handshake.ts";
import { SessionProcess } from "./remote_process.ts";
import {
  channelFailure,
  type SshChannel,
  type SshClient,
  type Take,
} from "./ssh_client.ts";
import { RemoteListener, RemoteListeners } from "./remote_listener.ts";
import { Sessions } from "./sessions.ts";
import { openSocket } from "./socket.ts";
import type { SshTarget } from "./target.ts";

/** Milliseconds: a peer that was silent for `ask` is asked, again and again, until `limit`. */
export interface Liveness {
  readonly ask: number;
  readonly limit: number;
}

const defaultLiveness: Liveness = { ask: 3_000, limit: 9_000 };

/** Options of {@linkcode SshConnection.open}. */
export interface OpenOptions extends AbortOptions {
  readonly dialLimit: DialLimit;
  /** Unless given, a dead peer is noticed within 12 s. */
  readonly liveness?: Liveness;
}

/** One live SSH connection, until it is lost. */
export class SshConnection implements AsyncDisposable {
  readonly target: SshTarget;
  /** The commands that may run at once. */
  readonly sessions = new Sessions();
  /** Resolves when the connection is gone, with why; what it carried has failed by then. */
  readonly lost: Promise<UnreachableError>;
  readonly #client: SshClient;
  readonly #listeners: RemoteListeners;
  readonly #open = new Set<{ lose(error: UnreachableError): void }>();
  readonly #stop = new AbortController();
  readonly #alive: Promise<void>;
  #lost: UnreachableError | undefined;
  #received = 0;

  private constructor(
    target: SshTarget,
    client: SshClient,
    socket: Duplex,
    liveness: Liveness,
  ) {
    this.target = target;
    this.#client = client;
    this.#listeners = new RemoteListeners(client);
    this.lost = new Promise((resolve) =>
      client.onClosed((failure) => resolve(this.#lose(failure)))
    );
    socket.on("data", (chunk: Uint8Array) => this.#received += chunk.length);
    this.#alive = this.#watch(liveness);
  }

  /** Connects, through the jump host if there is one. Rejects with a `ConnectError`. */
  static async open(
    target: SshTarget,
    options: OpenOptions,
  ): Promise<SshConnection> {
    const { signal, dialLimit } = options;
    // Before it takes a turn: nobody waits for one while holding another.
    const jump = target.jump && await SshConnection.open(target.jump, options);
    try {
      using _turn = await dialLimit.connect(target, { signal });
      const socket = jump === undefined
        ? await openSocket(target, { signal })
        : await jump.#socketTo(target, { signal });
      return await SshConnection.#over(socket, target, options);
    } catch (error) {
      await jump?.[Symbol.asyncDispose]();
      throw error;
    }
  }

  static async #over(
    socket: Duplex,
    target: SshTarget,
    { signal, dialLimit, liveness = defaultLiveness }: OpenOptions,
  ): Promise<SshConnection> {
    try {
      using _turn = await dialLimit.handshake({ signal });
      const client = await shakeHands(socket, target, { signal });
      return new SshConnection(target, client, socket, liveness);
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /**
   * Starts a command line, which the user's login shell parses, with a permit of
   * {@linkcode SshConnection.sessions}, which it gives back when the session is gone. Undefined
   * when the server has no session left for it.
   */
  async exec(
    command: string,
    permit: Disposable,
    { signal }: AbortOptions,
  ): Promise<SessionProcess | undefined> {
    const start = () =>
      this.#opened(
        this.#client.exec(
          command,
          (channel) => this.#track(new SessionProcess(channel)),
        ),
        dispose,
        { signal },
      );
    const process = await this.sessions.open(permit, start, { signal });
    process?.gone.then(() => permit[Symbol.dispose]());
    return process;
  }

  /** Connects to an address as the host sees it; rejects with what {@linkcode channelFailure} reads. */
  async dial(
    address: RemoteAddress,
    { signal }: AbortOptions,
  ): Promise<ChannelStream> {
    const take = (channel: SshChannel) =>
      this.#track(new ChannelStream(channel));
    const dialing = this.#dial(address, take);
    return await this.#opened(dialing, destroy, { signal });
  }

  #dial<T>(address: RemoteAddress, take: Take<T>): Promise<T> {
    return address.kind === "tcp"
      ? this.#client.dialTcp(address.host, address.port, take)
      : this.#client.dialUnix(address.path, take);
  }

  /** Aborts when the connection is gone. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Lets the host listen: `handle` gets every connection and owns it. */
  async listen(
    address: RemoteAddress,
    handle: (stream: DuplexStream) => Promise<void>,
    { signal }: AbortOptions,
  ): Promise<RemoteListener> {
    const listening = this.#listeners.listen(
      address,
      (channel) => handle(this.#track(new ChannelStream(channel))),
    );
    const listener = await this.#opened(
      listening,
      dispose,
      { signal },
    );
    return this.#track(listener);
  }

  /** Says goodbye and waits for the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.end();
    this.#client.destroy();
    await this.lost;
    this.#stop.abort();
    await this.#alive;
  }

  /** A connection to another host through this one, which ends with it. */
  async #socketTo(target: SshTarget, options: AbortOptions): Promise<Duplex> {
    const { host, port } = target;
    try {
      const dialing = this.#dial(
        { kind: "tcp", host, port },
        (channel) => channel,
      );
      const channel = await this.#opened(dialing, destroy, options);
      channel.once("close", () => void this[Symbol.asyncDispose]());
      return channel;
    } catch (error) {
      options.signal.throwIfAborted();
      const why = `the jump host ${
        targetName(this.target)
      } cannot connect to it: ${messageOf(error)}`;
      throw new ConnectError("HostUnreachable", target, why, { cause: error });
    }
  }

  /** Waits for what the server opens; what comes too late is closed. */
  async #opened<T>(
    opening: Promise<T>,
    close: (late: T) => void,
    { signal }: AbortOptions,
  ): Promise<T> {
    try {
      return await abortable(opening, { signal });
    } catch (error) {
      opening.then(close, () => undefined);
      signal.throwIfAborted();
      if (this.#lost !== undefined) throw this.#lost;
      if (channelFailure(error) !== "lost") throw error;
      throw lostError(this.target, error);
    }
  }

  #track<
    T extends {
      readonly gone: Promise<void>;
      lose(error: UnreachableError): void;
    },
  >(stream: T): T {
    if (this.#lost !== undefined) {
      stream.lose(this.#lost);
      return stream;
    }
    this.#open.add(stream);
    stream.gone.then(() => this.#open.delete(stream));
    return stream;
  }

  #lose(cause: Error | undefined): UnreachableError {
    const error = lostError(this.target, cause);
    this.#lost ??= error;
    for (const stream of this.#open) stream.lose(this.#lost);
    this.#stop.abort();
    return this.#lost;
  }

  /** Asks a silent peer for a sign of life and drops it when there is none. Never rejects. */
  async #watch(liveness: Liveness): Promise<void> {
    const { signal } = this.#stop;
    for (let seen = -1, silent = 0; !signal.aborted;) {
      await delay(liveness.ask, { signal }).catch(() => undefined);
      silent = this.#received === seen ? silent + liveness.ask : 0;
      seen = this.#received;
      if (silent >= liveness.limit) {
        return this.#client.destroy(
          new Error(`no answer for ${silent / 1000} s`),
        );
      }
      if (silent > 0) void this.#client.ping(); // which never rejects
    }
  }
}

function destroy(late: { destroy(): unknown }): void {
  late.destroy();
}

function dispose(late: AsyncDisposable): void {
  void late[Symbol.asyncDispose]();
}

function lostError(target: SshTarget, cause: unknown): UnreachableError {
  const why = cause === undefined ? "" : `: ${messageOf(cause)}`;
  return new UnreachableError(
    `Lost the connection to ${targetName(target)}${why}`,
    { cause },
  );
}
