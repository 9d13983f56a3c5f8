/** One directory of the node that a guest sees. */
export interface Preopen {
  /** The absolute path under which the guest sees it. */
  readonly guestPath: string;
  /** The directory on the node; it may be reached through links. */
  readonly hostPath: string;
  /** A directory in it to offer instead: relative, and followed without leaving `hostPath`. */
  readonly subPath?: string;
  /** Whether every change in it fails with `EROFS`. */
  readonly readOnly: boolean;
}

/** What the agent tells a runner process: the first line on its standard input, as JSON. */
export interface GuestSpec {
  /** Path of the `.wasm` file. */
  readonly module: string;
  /** The directory with what a component was made into; absent for a module. */
  readonly component?: string;
  /** Where a component that answers HTTP requests listens; absent for all others. */
  readonly listen?: { readonly hostname: string; readonly port: number };
  /** The guest's arguments, with its own name first. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly preopens: readonly Preopen[];
  /** Whether the bytes after the first line are the guest's standard input; else it is empty. */
  readonly stdin: boolean;
  /** Whether a terminal is at the other end of the standard streams; false unless given. */
  readonly tty?: boolean;
  /** Whether the arguments are a command, which may name an export to call; see `findEntry`. */
  readonly exec?: boolean;
  /** At most so much linear memory; growing beyond it ends the guest. */
  readonly memoryLimitBytes?: number;
  /** Where the runner writes a {@linkcode GuestReport}, when there is something to report. */
  readonly reportPath?: string;
  /** Process ID of the agent, with which the runner dies. */
  readonly parentPid: number;
}

/** Why a guest ended, where its exit code does not say it. */
export interface GuestReport {
  readonly reason: "Trap" | "OOMKilled" | "StartError";
  readonly message: string;
}

/** What a runner exits with for each report, as a shell would: 128 + SIGABRT, 128 + SIGKILL, 128. */
export const reportExitCodes: Readonly<Record<GuestReport["reason"], number>> =
  { Trap: 134, OOMKilled: 137, StartError: 128 };
