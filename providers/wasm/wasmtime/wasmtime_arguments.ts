import { formatHost } from "../ip_address.ts";
import type {
  GuestListener,
  GuestSpec,
  HttpSettings,
  WasmtimeLaunch,
} from "../guest_spec.ts";

/** The specification of a guest that wasmtime runs. */
export type WasmtimeSpec = GuestSpec & { readonly wasmtime: WasmtimeLaunch };

/** Where wasmtime finds what the runner has opened for it. */
export interface WasmtimeFiles {
  /** The compiled program. */
  readonly code: string;
  /** One for each preopened directory, in the same order. */
  readonly directories: readonly string[];
}

/**
 * The arguments with which wasmtime runs a guest, without its own name. Variables are named in them
 * but not given: those come by its environment.
 */
export function wasmtimeArguments(
  spec: WasmtimeSpec,
  files: WasmtimeFiles,
): readonly string[] {
  const { wasmtime: { kind }, env, preopens, memoryLimitBytes } = spec;
  const shared = [
    "--allow-precompiled",
    // The code is compiled already, and the agent keeps it.
    ...["-C", "cache=n", "-D", "logging=n"],
    ...(memoryLimitBytes === undefined ? [] : [
      "-W",
      `max-memory-size=${memoryLimitBytes},trap-on-grow-failure=y`,
    ]),
    ...Object.keys(env).flatMap((name) => ["--env", name]),
    ...preopens.flatMap(({ guestPath }, i) => [
      "--dir",
      `${files.directories[i]}::${guestPath}`,
    ]),
    ...networkArguments(spec),
  ];
  if (kind === "http") {
    return [
      ...["serve", ...shared, "-S", "cli=y", "--no-logging-prefix"],
      files.code,
    ];
  }
  const [name = "", ...args] = spec.args;
  const invoked = invokedExport(spec);
  return [
    ...["run", ...shared, "--argv0", name],
    ...["-S", `inherit-stdin=${spec.stdin ? "y" : "n"}`],
    ...(kind === "command" ? ["-S", "http=y"] : []),
    ...(invoked === undefined ? [] : ["--invoke", invoked]),
    // No word after it is taken for an option of wasmtime's own.
    ...["--", files.code],
    ...(invoked === undefined ? args : []),
  ];
}

/** The export that the command of an exec names, if there is one to call; as `findEntry`. */
function invokedExport(
  { exec = false, args: [name = ""], wasmtime }: WasmtimeSpec,
): string | undefined {
  const { callable = [] } = wasmtime;
  return exec && callable.includes(name) ? name : undefined;
}

function networkArguments(
  { exec = false, listeners = [], http, allowedHosts = [], wasmtime }:
    WasmtimeSpec,
): readonly string[] {
  const reach = allowedHosts.length > 0
    ? ["-S", "inherit-network=y,allow-ip-name-lookup=y"]
    : [];
  // A further instance has none: the container listens there already.
  const addresses = exec
    ? []
    : listeners.map(({ hostname, port }) => `${formatHost(hostname)}:${port}`);
  switch (wasmtime.kind) {
    case "command":
      return reach;
    case "module":
      // Only the older of its two implementations has listeners.
      return addresses.length === 0 ? [] : [
        ...["-S", "preview2=n", "--env", `LISTEN_FDS=${addresses.length}`],
        ...["--env", `LISTEN_FDNAMES=${namesOf(listeners)}`],
        ...addresses.flatMap((address) => ["-S", `tcplisten=${address}`]),
      ];
    case "http":
      return [
        ...reach,
        ...addresses.flatMap((address) => ["--addr", address]),
        ...(http === undefined ? [] : httpArguments(http)),
      ];
  }
}

/** As the runner itself tells its guests. */
function namesOf(listeners: readonly GuestListener[]): string {
  return listeners.map(({ name = "unknown" }) => name).join(":");
}

function httpArguments(
  { maxInvocations, maxConcurrency }: HttpSettings,
): readonly string[] {
  return [
    ...["--max-instance-reuse-count", `${maxInvocations}`],
    ...(maxConcurrency < Number.MAX_SAFE_INTEGER
      ? ["--max-concurrent-requests", `${maxConcurrency}`]
      : []),
  ];
}
