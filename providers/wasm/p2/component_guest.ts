import { delay } from "../../../async/delay.ts";
import { messageOf } from "../../../async/message_of.ts";
import { GuestFailure } from "../guest_failure.ts";
import type { GuestSpec } from "../guest_spec.ts";
import { HttpCounter, type HttpUsage } from "../http_usage.ts";
import { RunnerFile } from "../runner_file.ts";
import type { ComponentHost } from "./command_interfaces.ts";
import {
  entryNames,
  exitCodeOf,
  findEntry,
  findExport,
} from "./component_entry.ts";
import type { ComponentInstance } from "./component_instance.ts";
import { hostImports } from "./host_imports.ts";
import { HttpGuestServer } from "./http_server.ts";
import { loadComponent, type LoadedComponent } from "./load_component.ts";
import type { ComponentFunction } from "./value_types.ts";

/** A component and what it runs as. */
export type ComponentLaunch = Pick<
  GuestSpec,
  | "module"
  | "args"
  | "entry"
  | "exec"
  | "http"
  | "httpUsagePath"
  | "listeners"
  | "memoryLimitBytes"
>;

/** A guest that can be started. */
export interface ComponentGuest {
  /** Resolves the exit code of a command, or of a server that was told to end. */
  run(): Promise<number>;
  outOfMemory(): boolean;
}

/**
 * Loads a component, and has a server listen. Throws a {@linkcode GuestFailure}.
 *
 * @param confine Called before the guest's first instruction, when all is loaded and listens.
 */
export async function prepareComponent(
  launch: ComponentLaunch,
  host: ComponentHost,
  confine: () => void,
): Promise<ComponentGuest> {
  const { module, http, memoryLimitBytes } = launch;
  const isServer = http !== undefined && !launch.exec;
  const imports = hostImports(isServer ? { ...host, exit: endInstance } : host);
  const component = await loadComponent(module, imports, memoryLimitBytes);
  if (isServer) {
    return prepareServer(component, { ...launch, http }, host, confine);
  }
  const entry = commandEntry(component, launch);
  confine();
  let instance: ComponentInstance | undefined;
  return {
    run: async () => {
      instance = component.instantiate();
      return exitCodeOf(await instance.call(entry, []));
    },
    outOfMemory: () =>
      instance !== undefined && component.outOfMemory(instance),
  };
}

function commandEntry(
  { exports }: LoadedComponent,
  { args: [name = ""], entry, exec = false }: ComponentLaunch,
): ComponentFunction {
  const named = entry ?? (exec ? name : undefined);
  const found = named === undefined ? undefined : findEntry(exports, named);
  const usual = entry === undefined || exec
    ? findExport(exports, "wasi:cli/run", "run")
    : undefined;
  const call = found ?? usual;
  if (call !== undefined) return call;
  throw new GuestFailure(
    "StartError",
    named === undefined
      ? "component exports no wasi:cli/run"
      : `component has no export "${named}" that can be called: ${
        entryNames(exports).join(", ") || "it has none of the kind"
      }`,
  );
}

function prepareServer(
  component: LoadedComponent,
  { http, httpUsagePath, listeners = [] }:
    & ComponentLaunch
    & Required<Pick<ComponentLaunch, "http">>,
  { stderr }: ComponentHost,
  confine: () => void,
): ComponentGuest {
  const handler = findExport(
    component.exports,
    "wasi:http/incoming-handler",
    "handle",
  );
  if (handler === undefined) {
    throw new GuestFailure(
      "StartError",
      "component exports no wasi:http/incoming-handler",
    );
  }
  // Deno warns once that a signal tells of answers that were sent, which SlowClients knows.
  // deno-lint-ignore no-console
  console.warn = () => {};
  const counter = new HttpCounter();
  const usage = new RunnerFile<HttpUsage>(httpUsagePath);
  let server: HttpGuestServer;
  try {
    server = new HttpGuestServer(listeners, {
      settings: http,
      counter,
      instantiate: () => component.instantiate(),
      handle: (instance, ...args) => instance.call(handler, args),
      failed: (why) => void stderr(logLine(why)),
    });
  } catch (cause) {
    const places = listeners.map(({ hostname, port }) => `${hostname}:${port}`);
    throw new GuestFailure(
      "StartError",
      `Cannot listen on ${places.join(", ")}: ${messageOf(cause)}`,
      { cause },
    );
  }
  Deno.addSignalListener("SIGTERM", () => void server.drain());
  // No request is taken before this returns to the event loop.
  confine();
  void reportUsage(counter, usage);
  return {
    run: () => server.finished().then(() => 0),
    outOfMemory: () => false,
  };
}

/** Until the process ends. */
async function reportUsage(
  counter: HttpCounter,
  file: RunnerFile<HttpUsage>,
): Promise<never> {
  const { signal } = new AbortController();
  for (;;) {
    file.write(counter.usage);
    await delay(reportInterval, { signal });
  }
}

/** Often enough for whoever reads metrics every few seconds. */
const reportInterval = 1000;

/** One of a server's instances ends alone, as far as it lets itself be ended. */
function endInstance(code: number): never {
  throw new Error(`exit with code ${code}`);
}

function logLine(text: string): Uint8Array {
  return new TextEncoder().encode(`farlet: ${text.replaceAll("\n", " ")}\n`);
}
