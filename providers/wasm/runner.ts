import { messageOf } from "../../async/message_of.ts";
import { ChildStdin, emptyInput } from "./child_stdin.ts";
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
import { loadModule } from "./load_module.ts";
import type { TranspileTask } from "./p2/transpile.ts";
import { dieWithParent } from "./parent_death.ts";
import { wasiImports } from "./wasi.ts";
import { wasiModuleName } from "./wasi_names.ts";

/**
 * Runs the one guest of this process and ends the process as the guest ends.
 *
 * The first line of standard input is a {@linkcode GuestSpec}. The exit code is the guest's own, or
 * one of {@linkcode reportExitCodes} along with a {@linkcode GuestReport}. SIGTERM ends it at once.
 */
export async function runGuest(): Promise<never> {
  const stdin = new ChildStdin(Deno.stdin);
  const task = JSON.parse(stdin.takeLine()) as GuestSpec | TranspileTask;
  dieWithParent();
  if ("kind" in task) return await runTask(task);
  const spec = task;
  // It may have died before the kernel knew that we care.
  if (Deno.ppid !== spec.parentPid) Deno.exit(killedExitCode);
  if (!spec.stdin) void exitAtEnd(stdin);
  const guest = await prepare(spec, spec.stdin ? stdin : emptyInput)
    .catch((error) => endWith(spec, toReport(error, "StartError")));
  try {
    return Deno.exit(await guest.run() & 0xff);
  } catch (error) {
    const report = guest.outOfMemory() ? outOfMemory : toReport(error, "Trap");
    return endWith(spec, report);
  }
}

/** Not a guest: what takes too much memory for the agent itself. */
async function runTask(task: TranspileTask): Promise<never> {
  try {
    await (await import("./p2/transpile.ts")).transpile(task);
    return Deno.exit(0);
  } catch (error) {
    Deno.stderr.writeSync(new TextEncoder().encode(messageOf(error)));
    return Deno.exit(1);
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

async function prepare(spec: GuestSpec, input: GuestInput): Promise<Guest> {
  const { args, env, tty: terminal = false } = spec;

  function exitAs(code: number, isOutOfMemory: () => boolean): never {
    if (code !== 0 && isOutOfMemory()) endWith(spec, outOfMemory);
    return Deno.exit(code & 0xff);
  }

  const files = spec.preopens.length > 0 ? findHostFiles() : undefined;
  const directories = openDirectories(spec, files);
  const [stdout, stderr] = [outputTo(Deno.stdout), outputTo(Deno.stderr)];
  if (spec.component !== undefined) {
    if (spec.exec && spec.listen !== undefined) {
      throw new GuestFailure(
        "StartError",
        "Cannot run a command: the component only answers HTTP requests",
      );
    }
    // Only now: most guests are modules, and should start at once.
    const { prepareComponent } = await import("./p2/component_guest.ts");
    const host = { args, env, stdin: input, stdout, stderr, terminal };
    const guest = await prepareComponent(
      { ...spec, directory: spec.component },
      {
        ...host,
        directories,
        files,
        exit: (code) => exitAs(code, () => guest.outOfMemory()),
      },
    );
    if (files === undefined) dropPermissions();
    return guest;
  }
  const descriptors: readonly Descriptor[] = [
    { kind: "input", input, nonBlocking: false, terminal },
    { kind: "output", output: stdout, terminal },
    { kind: "output", output: stderr, terminal },
    ...directories,
  ];
  const loaded = await loadModule(spec);
  if (files === undefined) dropPermissions();
  const memory = new GuestMemory();
  const exit = (code: number) => exitAs(code, () => guest.outOfMemory());
  const world = { args, env, exit, memory, descriptors, files };
  const instance = await WebAssembly.instantiate(loaded.module, {
    [wasiModuleName]: wasiImports(world),
  });
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

/**
 * Leaves this process what a guest needs: a second wall behind the WASI functions.
 *
 * A guest with directories keeps all, as Deno demands all permissions for `/proc/self/fd`.
 */
function dropPermissions(): void {
  for (const name of ["run", "ffi", "import", "net", "env", "sys"] as const) {
    Deno.permissions.revokeSync({ name });
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
function endWith(spec: GuestSpec, report: GuestReport): never {
  if (spec.reportPath !== undefined) {
    Deno.writeTextFileSync(spec.reportPath, JSON.stringify(report), {
      mode: 0o600,
    });
  }
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
