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
  /** Whether it is a component of WASI 0.2; a module unless given. */
  readonly component?: true;
  /** The export to call instead of the one that makes it a program. */
  readonly entry?: string;
  /** Where a server writes its `HttpUsage` every second; nowhere unless given. */
  readonly httpUsagePath?: string;
  /** How a component answers HTTP requests on its listeners; absent for all that is not one. */
  readonly http?: HttpSettings;
  /** The addresses to listen on, in the order of the container's TCP ports; none unless given. */
  readonly listeners?: readonly GuestListener[];
  /** Which servers it may reach, as `parseAllowedHosts` reads them; none unless given. */
  readonly allowedHosts?: readonly string[];
  /** How it looks names up; as this machine does unless given. */
  readonly names?: NameSettings;
  /** The wasmtime that runs the guest; absent where the runner does. */
  readonly wasmtime?: WasmtimeLaunch;
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
  /** Who the runner becomes before the guest's first instruction; the agent's user unless given. */
  readonly user?: GuestUserIds;
}

/** Where a guest listens. */
export interface GuestListener {
  readonly hostname: string;
  readonly port: number;
  /** The container's port that it stands for, as a hostPort does; its own port unless given. */
  readonly containerPort?: number;
  /** The name of the container's port. */
  readonly name?: string;
}

/** How many instances of a component answer requests, and how often one does. */
export interface HttpSettings {
  /** How many idle instances are kept for reuse; 0 leaves it to the engine. */
  readonly poolSize: number;
  /** How many requests one instance answers. */
  readonly maxInvocations: number;
  /** How many requests are answered at once. */
  readonly maxConcurrency: number;
}

/** What `/etc/hosts` and `/etc/resolv.conf` would say in a container. */
export interface NameSettings {
  readonly hosts: readonly {
    readonly ip: string;
    readonly hostnames: readonly string[];
  }[];
  /** Asked instead of this machine's own resolver, unless there are none. */
  readonly servers: readonly string[];
  /** Domains that names are looked up in. */
  readonly searches: readonly string[];
  /** So many dots make a name be looked up as it is first. */
  readonly ndots: number;
}

/** The user and the groups that a guest is for the kernel. */
export interface GuestUserIds {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
}

/** What the runner becomes where wasmtime runs the guest. */
export interface WasmtimeLaunch {
  /** Path of the wasmtime program. */
  readonly program: string;
  /** Path of the code that it has compiled of the module or component. */
  readonly code: string;
  readonly kind: "module" | "command" | "http";
  /** Exports of a module that a command of exec may name: they take and return nothing. */
  readonly callable?: readonly string[];
  /** Likewise, but they return something: wasmtime would not exit with that. */
  readonly returning?: readonly string[];
}

/** Why a guest ended, where its exit code does not say it. */
export interface GuestReport {
  readonly reason: "Trap" | "OOMKilled" | "StartError";
  readonly message: string;
}

/** What a runner exits with for each report, as a shell would: 128 + SIGABRT, 128 + SIGKILL, 128. */
export const reportExitCodes: Readonly<Record<GuestReport["reason"], number>> =
  { Trap: 134, OOMKilled: 137, StartError: 128 };
