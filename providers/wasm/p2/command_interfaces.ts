import type { GuestOutput, OpenDirectory } from "../descriptors.ts";
import type { GuestInput } from "../descriptors.ts";
import type { GuestNet } from "../guest_sockets.ts";
import type { HostFiles } from "../host_files.ts";
import { InputStream, OutputStream, promptSink } from "./streams.ts";

/** All that a component can reach. */
export interface ComponentHost {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: GuestInput;
  readonly stdout: GuestOutput;
  readonly stderr: GuestOutput;
  /** Whether a terminal is at the other end of the standard streams. */
  readonly terminal: boolean;
  readonly directories: readonly OpenDirectory[];
  /** Needed where there are directories. */
  readonly files: HostFiles | undefined;
  /** What it has of the network; nothing for undefined. */
  readonly net: GuestNet | undefined;
  /** Ends the guest for good, without throwing if that is possible. */
  exit(code: number): never;
}

/** The interfaces of the package `wasi:cli`. */
export function commandInterfaces(host: ComponentHost) {
  const { args, env, terminal } = host;
  const directory = env["PWD"];
  return {
    "wasi:cli/environment": {
      getEnvironment: () => Object.entries(env),
      getArguments: () => [...args],
      initialCwd: () => directory,
    },
    "wasi:cli/exit": {
      exit: (status: { readonly tag: "ok" | "err" }) =>
        host.exit(status.tag === "err" ? 1 : 0),
      exitWithCode: (code: number) => host.exit(code),
    },
    "wasi:cli/stdin": { getStdin: () => new InputStream(host.stdin) },
    "wasi:cli/stdout": { getStdout: () => outputStream(host.stdout) },
    "wasi:cli/stderr": { getStderr: () => outputStream(host.stderr) },
    "wasi:cli/terminal-input": { TerminalInput },
    "wasi:cli/terminal-output": { TerminalOutput },
    "wasi:cli/terminal-stdin": {
      getTerminalStdin: () => terminal ? new TerminalInput() : undefined,
    },
    "wasi:cli/terminal-stdout": {
      getTerminalStdout: () => terminal ? new TerminalOutput() : undefined,
    },
    "wasi:cli/terminal-stderr": {
      getTerminalStderr: () => terminal ? new TerminalOutput() : undefined,
    },
  };
}

class TerminalInput {}

class TerminalOutput {}

function outputStream(output: GuestOutput): OutputStream {
  return new OutputStream(promptSink((bytes) => {
    for (let done = 0; done < bytes.length;) {
      done += output(bytes.subarray(done));
    }
  }));
}
