import { abortable, type AbortOptions } from "../../../async/abort.ts";
import { backoffDelay, jitter } from "../../../async/backoff.ts";
import type { DuplexStream } from "../../../async/byte_stream.ts";
import { ChangeFeed } from "../../../async/change_feed.ts";
import { delay } from "../../../async/delay.ts";
import { getLogger } from "../../../async/log.ts";
import { messageOf } from "../../../async/message_of.ts";
import { UnreachableError } from "../../errors.ts";
import type {
  CommandResult,
  Host,
  Reachability,
  RemoteAddress,
  RemoteProcess,
  RunOptions,
} from "../host.ts";
import { ConnectError, targetName } from "./connect_error.ts";
import {
  type Liveness,
  type OpenOptions,
  SshConnection,
} from "./connection.ts";
import { ConnectionPool } from "./connection_pool.ts";
import { dialAddress } from "./dial_address.ts";
import { listenOn } from "./listen_on.ts";
import { DialLimit } from "./dial_limit.ts";
import { runScript } from "./run_script.ts";
import { shellCommand } from "./shell_command.ts";
import type { SshTarget } from "./target.ts";

/** A link that broke, or a host that is down: a try is cheap, and the pods wait for it. */
const retry = { base: 500, cap: 10_000 };

/** A refused key: a person must act, and more tries would have the agent banned (fail2ban). */
const slowRetry = { base: 30_000, cap: 300_000 };

/** Milliseconds: a connection that lasted shorter counts as a failed one. */
const settled = 10_000;

const log = getLogger("ssh");

/** Options of {@linkcode connectHost}. */
export interface ConnectOptions extends AbortOptions {
  /** Shared by all hosts of an agent; one of its own unless given. */
  readonly dialLimit?: DialLimit;
  /** When a silent host is given up; within 12 s unless given. */
  readonly liveness?: Liveness;
}

/**
 * Connects to a host, and again whenever the connection is lost, until the scope is left or
 * `signal` aborts. Returns at once: see {@linkcode SshHost.connected}.
 */
export function connectHost(
  target: SshTarget,
  options: ConnectOptions,
): SshHost {
  return new SshHost(target, { dialLimit: new DialLimit(), ...options });
}

/** A {@linkcode Host} that is reached over SSH. */
export class SshHost implements Host, AsyncDisposable {
  readonly name: string;
  readonly target: SshTarget;
  readonly #options: Omit<OpenOptions, "signal">;
  readonly #feed = new ChangeFeed<"reachability">();
  readonly #stop = new AbortController();
  readonly #kept: Promise<void>;
  #connections: ConnectionPool | undefined;
  #reachability: Reachability;

  constructor(
    target: SshTarget,
    { signal, ...options }: OpenOptions,
  ) {
    this.target = target;
    this.name = targetName(target);
    this.#options = options;
    this.#reachability = {
      kind: "unreachable",
      reason: "Connecting",
      message: `Not connected to ${this.name} yet`,
    };
    this.#kept = this.#keep(AbortSignal.any([signal, this.#stop.signal]));
  }

  get reachability(): Reachability {
    return this.#reachability;
  }

  async *changes(options: AbortOptions): AsyncGenerator<Reachability> {
    for await (
      const _ of this.#feed.changes(options, () => ["reachability"])
    ) yield this.#reachability;
  }

  async connected({ signal }: AbortOptions): Promise<void> {
    for await (const { kind } of this.changes({ signal })) {
      if (kind === "reachable") return;
    }
    throw signal.reason;
  }

  async run(
    script: string,
    args: readonly string[],
    options: RunOptions,
  ): Promise<CommandResult> {
    options.signal.throwIfAborted();
    return await runScript(this.#live(), script, args, options);
  }

  /** Aborting closes it, also later. */
  async spawn(
    script: string,
    args: readonly string[],
    { signal }: AbortOptions,
  ): Promise<RemoteProcess> {
    signal.throwIfAborted();
    const command = shellCommand(script, args);
    const process = await this.#live().exec(command, { signal });
    const abort = () => void process[Symbol.asyncDispose]();
    signal.addEventListener("abort", abort, { once: true });
    process.gone.then(() => signal.removeEventListener("abort", abort));
    return process;
  }

  /** Aborting ends the attempt, and nothing later. */
  async dial(
    address: RemoteAddress,
    options: AbortOptions,
  ): Promise<DuplexStream> {
    options.signal.throwIfAborted();
    return await dialAddress(this.#live(), address, options);
  }

  /** Aborting ends the attempt, and nothing later. A socket file that is in the way is replaced. */
  async listen(
    address: RemoteAddress,
    handle: (stream: DuplexStream) => Promise<void>,
    options: AbortOptions,
  ): Promise<AsyncDisposable & { readonly ended: Promise<void> }> {
    options.signal.throwIfAborted();
    return await listenOn(this.#live(), address, handle, options);
  }

  /** Ends the connection and everything on it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#kept;
  }

  #live(): ConnectionPool {
    if (this.#connections !== undefined) return this.#connections;
    throw new UnreachableError(
      this.#reachability.kind === "unreachable"
        ? this.#reachability.message
        : `Not connected to ${this.name}`,
    );
  }

  /** Never rejects. */
  async #keep(signal: AbortSignal): Promise<void> {
    let before: unknown;
    for (let failures = 0; !signal.aborted;) {
      let failure: unknown;
      try {
        const lasted = await this.#connectOnce(signal);
        failures = lasted > settled ? 0 : failures + 1;
      } catch (error) {
        if (signal.aborted) break;
        // What a person must mend has a pace of its own.
        failures = isLasting(error) === isLasting(before) ? failures + 1 : 1;
        failure = error;
        this.#unreachable(
          error instanceof ConnectError ? error.reason : "ConnectFailed",
          messageOf(error),
        );
      }
      before = failure;
      const pause = jitter(pauseBeforeRetry(failures, failure));
      // Only the abort ends it early, which the loop sees.
      await delay(pause, { signal }).catch(() => undefined);
    }
    this.#unreachable("Closed", `The connection to ${this.name} was closed`);
  }

  /** Resolves when the connection is lost, with how long it lasted, in milliseconds. */
  async #connectOnce(signal: AbortSignal): Promise<number> {
    const open = (options: AbortOptions) =>
      SshConnection.open(this.target, { ...this.#options, ...options });
    await using connection = await open({ signal });
    await using pool = new ConnectionPool(connection, open);
    const since = performance.now();
    this.#connections = pool;
    this.#change({ kind: "reachable" });
    try {
      const { message } = await abortable(connection.lost, { signal });
      this.#unreachable("ConnectionLost", message);
    } finally {
      this.#connections = undefined;
    }
    return performance.now() - since;
  }

  #unreachable(reason: string, message: string): void {
    this.#connections = undefined;
    this.#change({ kind: "unreachable", reason, message });
  }

  #change(now: Reachability): void {
    const before = this.#reachability;
    this.#reachability = now;
    if (before.kind === "unreachable" && now.kind === "unreachable") {
      if (before.message === now.message) return;
    }
    this.#feed.notify("reachability");
    if (now.kind === "reachable") {
      return log.info("Connected to host", { host: this.name });
    }
    if (now.reason === "Closed") return;
    const { reason, message } = now;
    log.warn("Cannot reach host", { host: this.name, reason, message });
  }
}

/** Milliseconds to wait after so many failures in a row, the last of which was `failure`. */
export function pauseBeforeRetry(failures: number, failure?: unknown): number {
  return backoffDelay(failures, isLasting(failure) ? slowRetry : retry);
}

function isLasting(failure: unknown): boolean {
  return failure instanceof ConnectError && failure.lasting;
}
