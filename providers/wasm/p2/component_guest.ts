import { messageOf } from "../../../async/message_of.ts";
import type { ComponentHost } from "./command_interfaces.ts";
import { GuestFailure } from "../guest_failure.ts";
import { GuestError } from "./guest_error.ts";
import { hostImports } from "./host_imports.ts";
import { type ListenAddress, serveHttp } from "./http_server.ts";
import { type ComponentInstance, loadComponent } from "./load_component.ts";

/** A component and what it runs as. */
export interface ComponentLaunch {
  /** Where `transpile` put it. */
  readonly directory: string;
  /** Where it answers HTTP requests; a command unless given. */
  readonly listen?: ListenAddress;
  readonly memoryLimitBytes?: number;
}

/** A guest that can be started. */
export interface ComponentGuest {
  /** Resolves the exit code of a command; a server goes on until the process ends. */
  run(): Promise<number>;
  outOfMemory(): boolean;
}

/** Loads a component, and has a server listen. Throws a {@linkcode GuestFailure}. */
export async function prepareComponent(
  { directory, listen, memoryLimitBytes }: ComponentLaunch,
  host: ComponentHost,
): Promise<ComponentGuest> {
  const component = await loadComponent(directory, memoryLimitBytes);
  const { outOfMemory } = component;
  if (listen === undefined) {
    const instance = await component.instantiate(hostImports(host));
    return { run: () => runCommand(instance), outOfMemory };
  }
  const guestHost = { ...host, exit: endInstance };
  try {
    const server = serveHttp(listen, {
      instantiate: () => component.instantiate(hostImports(guestHost)),
      failed: (error) => host.stderr(trapLine(error)),
    });
    return { run: () => server.finished.then(() => 0), outOfMemory };
  } catch (cause) {
    const place = `${listen.hostname}:${listen.port}`;
    throw new GuestFailure(
      "StartError",
      `Cannot listen on ${place}: ${messageOf(cause)}`,
      { cause },
    );
  }
}

async function runCommand(
  { exports, trapped }: ComponentInstance,
): Promise<number> {
  const name = Object.keys(exports)
    .find((name) => name.startsWith("wasi:cli/run@"));
  const run = name === undefined ? undefined : exports[name]?.["run"];
  if (typeof run !== "function") {
    throw new TypeError("component exports no wasi:cli/run");
  }
  try {
    await Promise.race([run(), trapped]);
    return 0;
  } catch (error) {
    if (isFailedResult(error)) return 1;
    throw error;
  }
}

/** The `err` of a guest's own result, which the bindings throw. */
function isFailedResult(error: unknown): boolean {
  return error instanceof Error && Object.hasOwn(error, "payload") &&
    !(error instanceof GuestError);
}

/** One of a server's instances ends alone, as far as it lets itself be ended. */
function endInstance(code: number): never {
  throw new Error(`exit with code ${code}`);
}

function trapLine(error: unknown): Uint8Array {
  const message = messageOf(error).replaceAll("\n", " ");
  return new TextEncoder().encode(`farlet: wasm trap: ${message}\n`);
}
