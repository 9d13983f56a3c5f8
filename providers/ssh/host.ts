import type { AbortOptions } from "../../async/abort.ts";
import type { DuplexStream } from "../../async/byte_stream.ts";

/** How a command on a host ended; neither is known when the link broke first. */
export interface CommandEnd {
  readonly code?: number;
  /** Without `SIG`, such as `TERM`. */
  readonly signal?: string;
}

/** What a short command on a host gave. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs on a host. Leaving its scope closes it; the host then sends it SIGPIPE at most. */
export interface RemoteProcess extends AsyncDisposable {
  readonly stdin: WritableStream<Uint8Array>;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** Never rejects. */
  readonly ended: Promise<CommandEnd>;
}

/** Something on a host that can be connected to, or listened on. */
export type RemoteAddress =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** Whether a host can be reached. */
export type Reachability =
  | { readonly kind: "reachable" }
  /** `reason` is a CamelCase word, such as `ConnectionRefused` or `HostKeyMismatch`. */
  | {
    readonly kind: "unreachable";
    readonly reason: string;
    readonly message: string;
  };

/** Options of {@linkcode Host.run}. */
export interface RunOptions extends AbortOptions {
  /** Given to the command's standard input, which then ends; nothing unless given. */
  readonly stdin?: string | Uint8Array | ReadableStream<Uint8Array>;
  /** More output than this is an error; 1 MiB unless given. */
  readonly maxOutputBytes?: number;
}

/**
 * A machine that is reached over SSH, by a connection that is made again whenever it is lost.
 *
 * Everything rejects with an `UnreachableError` while there is no connection, or when it is lost
 * in the middle. Nothing waits for a connection but {@linkcode Host.connected}.
 */
export interface Host {
  /** For people: `root@10.0.0.7`, with the port where it is not 22. */
  readonly name: string;
  readonly reachability: Reachability;
  /** Yields whenever the reachability changes, and at first. Ends on abort. */
  changes(options: AbortOptions): AsyncIterable<Reachability>;
  /** Resolves once there is a connection. */
  connected(options: AbortOptions): Promise<void>;
  /**
   * Runs a POSIX shell script (`sh -c`, never a login shell's dialect) and resolves when it has
   * ended. `args` are its `$1`, `$2`, …, quoted by the callee. Nothing secret in either: they are
   * seen in the host's process list; secrets go to `stdin`.
   */
  run(
    script: string,
    args: readonly string[],
    options: RunOptions,
  ): Promise<CommandResult>;
  /** Starts such a script, for what streams. */
  spawn(
    script: string,
    args: readonly string[],
    options: AbortOptions,
  ): Promise<RemoteProcess>;
  /**
   * Connects to an address as the host sees it. Rejects with `Deno.errors.ConnectionRefused` when
   * nothing listens there, and `Deno.errors.PermissionDenied` where sshd forbids forwarding.
   */
  dial(address: RemoteAddress, options: AbortOptions): Promise<DuplexStream>;
  /**
   * Listens on the host: `handle` gets every connection and owns it. Ends with the scope, and
   * with the connection to the host: who wants it longer listens again.
   */
  listen(
    address: RemoteAddress,
    handle: (stream: DuplexStream) => Promise<void>,
    options: AbortOptions,
  ): Promise<AsyncDisposable & { readonly ended: Promise<void> }>;
}
