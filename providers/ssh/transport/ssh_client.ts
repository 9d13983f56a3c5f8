import type { Buffer } from "node:buffer";
import { nextTick } from "node:process";
import type { Duplex } from "node:stream";
// @ts-types="@types/ssh2"
import type {
  AnyAuthMethod,
  Client,
  ClientChannel,
  ClientErrorExtensions,
} from "ssh2";
import { getLogger } from "../../../async/log.ts";
import { messageOf } from "../../../async/message_of.ts";
import { offeredAlgorithms } from "./algorithms.ts";

/** A channel of a connection as ssh2 has it; only channel_stream.ts and remote_process.ts look inside. */
export type SshChannel = ClientChannel;

/**
 * Takes a channel into use at once: a command may end in the same packet in which it starts, and
 * ssh2 tells that only to who listens by then.
 */
export type Take<T> = (channel: SshChannel) => T;

/** A way to say who asks. */
export type AuthMethod =
  /** Asks which ways the server accepts. */
  | { readonly kind: "none" }
  | { readonly kind: "agent"; readonly socket: string }
  | { readonly kind: "key"; readonly privateKey: string }
  | { readonly kind: "password"; readonly password: string }
  /** As {@linkcode password}, for servers that ask for it by a prompt. */
  | { readonly kind: "prompt"; readonly password: string };

/** What a handshake needs to know. */
export interface Handshake {
  readonly user: string;
  /** Types of host keys to ask for, best first. */
  readonly hostKeyTypes: readonly string[];
  verifyHostKey(key: Uint8Array): boolean;
  /**
   * The next way to try; undefined when there is none left. `accepted` are the names that the
   * server takes (RFC 4252: `publickey`, `password`, …), undefined before anything was tried.
   */
  authenticate(
    accepted: readonly string[] | undefined,
  ): Promise<AuthMethod | undefined>;
}

/** A connection that a host opened because we listen there. */
export interface Incoming {
  /** As {@linkcode SshClient.listenTcp} or {@linkcode SshClient.listenUnix} was told: `127.0.0.1:80` or a path. */
  readonly address: string;
  accept(): SshChannel;
  reject(): void;
}

const log = getLogger("ssh");

/** An authenticated SSH connection: npm `ssh2` with promises instead of callbacks and events. */
export class SshClient {
  readonly #client: Client;
  readonly #socket: Duplex;
  #failure: Error | undefined;
  #closed = false;
  #tellClosed: ((failure: Error | undefined) => void) | undefined;

  private constructor(client: Client, socket: Duplex) {
    this.#client = client;
    this.#socket = socket;
    client.on("error", (error: Error & ClientErrorExtensions) => {
      // ssh2 then goes on without the agent.
      if (error.level === "agent") {
        return log.warn("Cannot use the SSH agent", { error });
      }
      this.#failure ??= error;
    });
    client.once("close", () => {
      this.#closed = true;
      this.#tellClosed?.(this.#failure);
    });
  }

  /** Shakes hands over `socket`, which it owns from now on, and destroys on failure or abort. */
  static async open(
    socket: Duplex,
    handshake: Handshake,
    signal: AbortSignal,
  ): Promise<SshClient> {
    // Loaded with the first connection: who runs WebAssembly alone does not pay for it.
    const { default: { Client } } = await import("ssh2") as {
      default: { Client: new () => Client };
    };
    const client = new Client();
    batchWrites(socket);
    const opened = new SshClient(client, socket);
    const ready = Promise.withResolvers<void>();
    client.once("ready", ready.resolve);
    opened.onClosed((failure) =>
      ready.reject(failure ?? new Error("The server closed the connection"))
    );
    const abort = () => ready.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    try {
      signal.throwIfAborted();
      if (socket.destroyed) throw new Error("The server closed the connection");
      client.connect({
        sock: socket,
        username: handshake.user,
        readyTimeout: 0,
        keepaliveInterval: 0,
        strictVendor: false,
        tryKeyboard: true,
        algorithms: {
          ...offeredAlgorithms(),
          serverHostKey: [...handshake.hostKeyTypes],
        } as never, // The types know fewer names than ssh2.
        hostVerifier: (key: Buffer) => handshake.verifyHostKey(key),
        authHandler: ((accepted: string[] | null, _: unknown, next: Next) => {
          // ssh2 throws out of `next` for a key that it cannot use.
          handshake.authenticate(accepted ?? undefined).then((method) =>
            next(method ? authMethod(method, handshake) : false)
          ).catch(ready.reject);
        }) as never,
      });
      await ready.promise;
      return opened;
    } catch (error) {
      client.destroy();
      socket.destroy();
      throw error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /**
   * Calls back when the connection is gone, with what broke it, if anything did: before anything
   * that it carried ends. Only the last one that asked is told.
   */
  onClosed(tell: (failure: Error | undefined) => void): void {
    if (this.#closed) tell(this.#failure);
    else this.#tellClosed = tell;
  }

  /** Starts a command, which the login shell of the user parses, in a session of its own. */
  exec<T>(command: string, take: Take<T>): Promise<T> {
    return this.#opened(take, (done) => this.#client.exec(command, done));
  }

  /** Connects to where the host can connect to. */
  dialTcp<T>(host: string, port: number, take: Take<T>): Promise<T> {
    return this.#opened(
      take,
      (done) => this.#client.forwardOut("127.0.0.1", 0, host, port, done),
    );
  }

  dialUnix<T>(path: string, take: Take<T>): Promise<T> {
    return this.#opened(
      take,
      (done) => this.#client.openssh_forwardOutStreamLocal(path, done),
    );
  }

  listenTcp(host: string, port: number): Promise<void> {
    return this.#answered((done) => this.#client.forwardIn(host, port, done));
  }

  listenUnix(path: string): Promise<void> {
    return this.#answered((done) =>
      this.#client.openssh_forwardInStreamLocal(path, done)
    );
  }

  unlistenTcp(host: string, port: number): Promise<void> {
    return this.#answered((done) => this.#client.unforwardIn(host, port, done));
  }

  unlistenUnix(path: string): Promise<void> {
    return this.#answered((done) =>
      this.#client.openssh_unforwardInStreamLocal(path, done)
    );
  }

  /** Calls back for every connection that the host opens where we listen. */
  onIncoming(handle: (incoming: Incoming) => void): void {
    this.#client.on("tcp connection", (details, accept, reject) => {
      const address = `${details.destIP}:${details.destPort}`;
      handle({ address, accept, reject });
    });
    this.#client.on("unix connection", (details, accept, reject) => {
      handle({
        address: details.socketPath,
        accept: accept as () => SshChannel, // as above: only servers have another stderr
        reject,
      });
    });
  }

  /** Asks for something that every server refuses; its answer is a sign of life. */
  async ping(): Promise<void> {
    await this.#answered((done) => this.#client.unforwardIn("", 0, done))
      .catch(() => undefined); // the refusal, or the end of the connection
  }

  /** Says goodbye. */
  end(): void {
    this.#client.end();
  }

  /** Drops the connection; {@linkcode onClosed} tells `reason`. */
  destroy(reason?: Error): void {
    if (reason !== undefined) this.#client.emit("error", reason);
    this.#client.destroy();
    this.#socket.destroy();
  }

  #opened<T>(
    take: Take<T>,
    open: (
      done: (error: Error | undefined, channel: SshChannel) => void,
    ) => void,
  ): Promise<T> {
    return new Promise((resolve, reject) =>
      open((error, channel) => error ? reject(error) : resolve(take(channel)))
    );
  }

  #answered(
    ask: (done: (error?: Error | null) => void) => void,
  ): Promise<void> {
    return new Promise((resolve, reject) =>
      ask((error) => error ? reject(error) : resolve())
    );
  }
}

/**
 * Has a socket send at the end of a turn, in one piece, what was written to it. ssh2 writes the
 * three parts of a packet one by one, and its ChaCha20 is not reentrant: where the socket is a
 * channel of another connection, that one must not encrypt in between.
 */
function batchWrites(socket: Duplex): void {
  const write: Duplex["write"] = socket.write.bind(socket);
  let corked = false;
  socket.write = (...args: unknown[]) => {
    if (!corked) {
      corked = true;
      socket.cork();
      nextTick(() => {
        corked = false;
        socket.uncork();
      });
    }
    return write(...args as Parameters<Duplex["write"]>);
  };
}

/**
 * Why a server did not do what it was asked for: it must not (`prohibited`), cannot (`failed`),
 * or the connection is gone (`lost`).
 */
export function channelFailure(
  error: unknown,
): "prohibited" | "failed" | "lost" {
  // The reasons of RFC 4254, section 5.1: 1 prohibited, 2 connect failed, 3 and 4 not possible.
  if (error instanceof Error && "reason" in error) {
    return error.reason === 1 ? "prohibited" : "failed";
  }
  return /^Unable to /.test(messageOf(error)) ? "failed" : "lost";
}

type Next = (method: AnyAuthMethod | false) => void;

function authMethod(
  method: AuthMethod,
  { user: username }: Handshake,
): AnyAuthMethod {
  switch (method.kind) {
    case "none":
      return { type: "none", username };
    case "agent":
      return { type: "agent", username, agent: method.socket };
    case "key":
      return { type: "publickey", username, key: method.privateKey };
    case "password":
      return { type: "password", username, password: method.password };
    case "prompt":
      return {
        type: "keyboard-interactive",
        username,
        // One question without echo is the password; nothing else can be answered.
        prompt: (_name, _instructions, _language, prompts, finish) =>
          finish(
            prompts.length === 1 && !prompts[0]?.echo ? [method.password] : [],
          ),
      };
  }
}

/** A key in OpenSSH's own format as PEM, decrypted; undefined when the passphrase is wrong. */
export async function openSshToPem(
  text: string,
  passphrase: string,
): Promise<string | undefined> {
  const { default: { utils } } = await import("ssh2") as {
    readonly default: typeof import("ssh2");
  };
  const parsed = utils.parseKey(text, passphrase);
  if (parsed instanceof Error) return undefined;
  const [key] = Array.isArray(parsed) ? parsed : [parsed];
  return key?.getPrivatePEM();
}
