import { messageOf } from "../../async/message_of.ts";
import { ChildStdin, emptyInput } from "./child_stdin.ts";
import { confine } from "./confine.ts";
import type {
  Descriptor,
  GuestInput,
  GuestOutput,
  OpenDirectory as OpenGuestDirectory,
} from "./descriptors.ts";
import { findHostFiles } from "./find_host_files.ts";
import { OpenDirectory } from "./open_directory.ts";
import { findEntry } from "./guest_entry.ts";
import { GuestFailure } from "./guest_failure.ts";
import { GuestMemory } from "./guest_memory.ts";
import {
  type GuestReport,
  type GuestSpec,
  reportExitCodes,
} from "./guest_spec.ts";
import type { HostFiles } from "./host_files.ts";
import { openGuestNet } from "./guest_net.ts";
import { loadModule } from "./load_module.ts";
import { listenVariables, preopenedSocket } from "./open_ports.ts";
import { dieWithParent } from "./parent_death.ts";
import { RunnerFile } from "./runner_file.ts";
import { wasiImports } from "./wasi.ts";

/**
 * Runs the one guest of this process and ends the process as the guest ends.
 *
 * The first line of standard input is a {@linkcode GuestSpec}. The exit code is the guest's own, or
 * one of {@linkcode reportExitCodes} along with a {@linkcode GuestReport}. SIGTERM ends it at once.
 */
export async function runGuest(): Promise<never> {
  const stdin = new ChildStdin(Deno.stdin);
  const spec = JSON.parse(stdin.takeLine()) as GuestSpec;
  dieWithParent();
  // It may have died before the kernel knew that we care.
  if (Deno.ppid !== spec.parentPid) Deno.exit(killedExitCode);
  if (!spec.stdin) void exitAtEnd(stdin);
  const reports = new RunnerFile<GuestReport>(spec.reportPath);
  const input = spec.stdin ? stdin : emptyInput;
  const guest = await prepare(spec, input, reports)
    .catch((error) => endWith(reports, toReport(error, "StartError")));
  try {
    return Deno.exit(await guest.run() & 0xff);
  } catch (error) {
    const report = guest.outOfMemory() ? outOfMemory : toReport(error, "Trap");
    return endWith(reports, report);
  }
}

/** Where nothing is sent, the end of standard input means that the agent is gone. */
async function exitAtEnd(stdin: ChildStdin): Promise<never> {
  await stdin.untilEnd();
  return Deno.exit(killedExitCode);
}

interface Guest {
  /** Resolves its exit code when it returns; rejects when it traps. */
  run(): Promise<number>;
  /** Whether it failed, if it did, because of its memory limit. */
  outOfMemory(): boolean;
}

async function prepare(
  spec: GuestSpec,
  input: GuestInput,
  reports: RunnerFile<GuestReport>,
): Promise<Guest> {
  const { args, env, tty: terminal = false } = spec;

  function exitAs(code: number, isOutOfMemory: () => boolean): never {
    if (code !== 0 && isOutOfMemory()) endWith(reports, outOfMemory);
    return Deno.exit(code & 0xff);
  }

  const files = spec.preopens.length > 0 ? findHostFiles() : undefined;
  const directories = openDirectories(spec, files);
  if (spec.wasmtime !== undefined) {
    const { becomeWasmtime } = await import("./wasmtime/become_wasmtime.ts");
    return becomeWasmtime({ ...spec, wasmtime: spec.wasmtime }, {
      directories: directories.map(({ handle }) => handle),
      input,
    });
  }
  const [stdout, stderr] = [outputTo(Deno.stdout), outputTo(Deno.stderr)];
  if (spec.component !== undefined) {
    // Only now: most guests are modules, and should start at once.
    const { prepareComponent } = await import("./p2/component_guest.ts");
    const host = { args, env, stdin: input, stdout, stderr, terminal };
    // A server of HTTP requests listens by itself.
    const net = openGuestNet(
      spec.http === undefined ? spec : { ...spec, listeners: [] },
    );
    const guest = await prepareComponent(
      spec,
      {
        ...host,
        directories,
        files,
        net,
        exit: (code) => exitAs(code, () => guest.outOfMemory()),
      },
      () => giveUpRights(spec, files),
    );
    return guest;
  }
  const net = openGuestNet(spec);
  const { ports = [] } = net ?? {};
  const descriptors: readonly Descriptor[] = [
    { kind: "input", input, nonBlocking: false, terminal },
    { kind: "output", output: stdout, terminal },
    { kind: "output", output: stderr, terminal },
    ...ports.map(preopenedSocket),
    ...directories,
  ];
  const loaded = await loadModule(spec);
  giveUpRights(spec, files);
  const memory = new GuestMemory();
  const exit = (code: number) => exitAs(code, () => guest.outOfMemory());
  const variables = { ...listenVariables(ports), ...env };
  const host = { args, env: variables, exit, memory, descriptors, files, net };
  const imports = wasiImports(host);
  const instance = await WebAssembly.instantiate(loaded.module, imports);
  const { memory: exported } = instance.exports;
  if (exported instanceof WebAssembly.Memory) memory.attach(exported);
  const guest: Guest = {
    run: findEntry(instance.exports, spec),
    outOfMemory: () => loaded.outOfMemory(instance),
  };
  return guest;
}

function openDirectories(
  { preopens }: GuestSpec,
  files: HostFiles | undefined,
): readonly OpenGuestDirectory[] {
  if (files === undefined) return [];
  return preopens.map(({ guestPath, hostPath, subPath, readOnly }) => {
    try {
      using root = OpenDirectory.open(Deno.realPathSync(hostPath), files);
      return {
        kind: "directory",
        handle: root.openDirectory(subPath ?? "."),
        readOnly,
        preopened: guestPath,
      };
    } catch (cause) {
      const why = messageOf(cause);
      const message = `Cannot open directory ${guestPath}: ${why}`;
      throw new GuestFailure("StartError", message, { cause });
    }
  });
}

/** The last step before the guest's first instruction: nothing can be opened any more but by it. */
function giveUpRights(spec: GuestSpec, files: HostFiles | undefined): void {
  const sockets = (spec.allowedHosts ?? []).length > 0
    ? "connecting"
    : (spec.listeners ?? []).length > 0
    ? "listening"
    : "none";
  confine({ ...spec, sockets, mayExec: false });
  // The agent may have died while the kernel did not care.
  if (Deno.ppid !== spec.parentPid) Deno.exit(killedExitCode);
  if (files === undefined) dropPermissions(sockets === "connecting");
}

/**
 * Leaves this process what a guest needs: a second wall behind the WASI functions.
 *
 * A guest with directories keeps all, as Deno demands all permissions for `/proc/self/fd`.
 */
function dropPermissions(connects: boolean): void {
  for (const name of ["run", "ffi", "import", "net", "env", "sys"] as const) {
    // What it may connect to, the WASI functions decide.
    if (name !== "net" || !connects) Deno.permissions.revokeSync({ name });
  }
}

function outputTo(stream: typeof Deno.stdout): GuestOutput {
  return (bytes) => stream.writeSync(bytes);
}

function toReport(
  error: unknown,
  reason: GuestReport["reason"],
): GuestReport {
  if (error instanceof GuestFailure) {
    return { reason: error.reason, message: error.message };
  }
  // A guest's own exception is no Error.
  const isError = error instanceof Error;
  return { reason, message: isError ? error.message : "uncaught exception" };
}

/** Tells the agent, and whoever reads the guest's log, how it ended. */
function endWith(reports: RunnerFile<GuestReport>, report: GuestReport): never {
  reports.write(report);
  const what = report.reason === "Trap" ? "wasm trap: " : "";
  const line = `farlet: ${what}${report.message.replaceAll("\n", " ")}\n`;
  try {
    Deno.stderr.writeSync(new TextEncoder().encode(line));
  } catch {
    // Nobody reads the log any more; the report is written.
  }
  return Deno.exit(reportExitCodes[report.reason]);
}

const outOfMemory: GuestReport = {
  reason: "OOMKilled",
  message: "memory limit exceeded",
};

/** 128 + SIGKILL. */
const killedExitCode = 137;

if (import.meta.main) await runGuest();
