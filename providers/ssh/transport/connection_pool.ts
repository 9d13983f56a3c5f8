import { abortable, type AbortOptions } from "../../../async/abort.ts";
import { Deadline } from "../../../async/deadline.ts";
import { delay } from "../../../async/delay.ts";
import { getLogger } from "../../../async/log.ts";
import { TaskGroup } from "../../../async/task_group.ts";
import { targetName } from "./connect_error.ts";
import type { SshConnection } from "./connection.ts";
import type { SessionProcess } from "./remote_process.ts";
import type { SshTarget } from "./target.ts";

/** Beside the main one, where each has its usual number of sessions. */
const maxExtras = 3;

/** Where sshd allows fewer a connection, there are more connections until they have so many. */
const minSessions = 12;

/** Milliseconds: most commands are over sooner than another connection is made. */
const patience = 250;

/** Milliseconds between two looks at whether an extra connection is still of use. */
const idleCheck = 30_000;

/** Milliseconds after another connection was refused, before the next attempt. */
const growthPause = 10_000;

const log = getLogger("ssh");

/** A permit to start a command, and where. */
interface Session {
  readonly connection: SshConnection;
  readonly permit: Disposable;
}

/**
 * The main connection to a host and, while more commands run than it has sessions for, up to three
 * others, or more where each has few. Only commands need sessions: all else goes over the main one.
 */
export class ConnectionPool implements AsyncDisposable {
  readonly main: SshConnection;
  readonly #open: (options: AbortOptions) => Promise<SshConnection>;
  readonly #extras = new Set<SshConnection>();
  readonly #tasks = new TaskGroup(new AbortController().signal);
  #growing: Promise<void> | undefined;
  /** When to try for another connection again, by the monotonic clock. */
  #growAfter = 0;

  constructor(
    main: SshConnection,
    open: (options: AbortOptions) => Promise<SshConnection>,
  ) {
    this.main = main;
    this.#open = open;
  }

  get target(): SshTarget {
    return this.main.target;
  }

  /** Starts a command line, which the user's login shell parses, as soon as there is a session. */
  async exec(
    command: string,
    { signal }: AbortOptions,
  ): Promise<SessionProcess> {
    for (;;) {
      const { connection, permit } = await this.#session({ signal });
      const process = await connection.exec(command, permit, { signal });
      if (process !== undefined) return process;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tasks[Symbol.asyncDispose]();
  }

  async #session({ signal }: AbortOptions): Promise<Session> {
    for (;;) {
      for (const connection of [this.main, ...this.#extras]) {
        if (connection.signal.aborted) continue;
        if (!connection.sessions.available) continue;
        const permit = await connection.sessions.acquire({ signal });
        return { connection, permit };
      }
      using deadline = new Deadline(patience, { signal });
      try {
        const { signal } = deadline;
        const permit = await this.main.sessions.acquire({ signal });
        return { connection: this.main, permit };
      } catch (error) {
        if (!deadline.expired) throw error;
      }
      if (this.#full || performance.now() < this.#growAfter) continue;
      await this.#grow({ signal });
    }
  }

  get #full(): boolean {
    if (this.#extras.size < maxExtras) return false;
    const sessions = [this.main, ...this.#extras]
      .reduce((sum, { sessions }) => sum + sessions.usable, 0);
    return sessions >= minSessions || this.#extras.size >= minSessions;
  }

  /** Opens another connection; who comes meanwhile waits for the same. */
  async #grow({ signal }: AbortOptions): Promise<void> {
    this.#growing ??= this.#grown().finally(() => this.#growing = undefined);
    await abortable(this.#growing, { signal });
  }

  #grown(): Promise<void> {
    return new Promise((resolve) =>
      this.#tasks.spawn((signal) => this.#extra(signal, resolve))
    );
  }

  /** Keeps one more connection for as long as it is used. */
  async #extra(signal: AbortSignal, opened: () => void): Promise<void> {
    const host = targetName(this.target);
    try {
      await using connection = await this.#open({ signal });
      log.debug("Opened another connection for more sessions", { host });
      this.#extras.add(connection);
      opened();
      await this.#untilIdle(connection, signal);
      this.#extras.delete(connection);
    } catch (error) {
      if (!signal.aborted) {
        this.#growAfter = performance.now() + growthPause;
        log.warn("Cannot open another connection", { host, error });
      }
    } finally {
      opened();
    }
  }

  async #untilIdle(
    connection: SshConnection,
    signal: AbortSignal,
  ): Promise<void> {
    const options = { signal: AbortSignal.any([signal, connection.signal]) };
    try {
      do await delay(idleCheck, options); while (!connection.sessions.idle);
    } catch {
      return; // It is gone, or they all are.
    }
  }
}
