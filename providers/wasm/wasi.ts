import { Clocks } from "./clocks.ts";
import { type Descriptor, DescriptorTable } from "./descriptors.ts";
import { errno, errnoOf } from "./errno.ts";
import type { GuestMemory } from "./guest_memory.ts";
import type { GuestNet } from "./guest_sockets.ts";
import type { HostFiles } from "./host_files.ts";
import { suspending } from "./jspi.ts";
import { addressInfoFunctions } from "./wasi_address_info.ts";
import { fileFunctions } from "./wasi_files.ts";
import type { WasiFunction, WasiFunctions, WasiHost } from "./wasi_host.ts";
import {
  oldWasiModuleName,
  parameterCounts,
  secondNames,
  type WasiFunctionName,
  wasiModuleName,
} from "./wasi_names.ts";
import { openFunctions } from "./wasi_open.ts";
import { pathFunctions } from "./wasi_paths.ts";
import { pollFunctions } from "./wasi_poll.ts";
import { type GuestProcess, processFunctions } from "./wasi_process.ts";
import { socketExtension } from "./wasi_socket_extension.ts";
import { socketFunctions } from "./wasi_sockets.ts";
import { streamFunctions } from "./wasi_streams.ts";

/** All that a guest can reach. */
export interface GuestWorld extends GuestProcess {
  readonly memory: GuestMemory;
  /** The standard streams, then the directories that the guest finds open. */
  readonly descriptors: readonly Descriptor[];
  /** Needed where there are directories. */
  readonly files: HostFiles | undefined;
  /** Needed where there are sockets. */
  readonly net: GuestNet | undefined;
}

/**
 * What a guest may import: the functions of WASI preview 1, those of the snapshot before it, and
 * those that WasmEdge adds for sockets. The guest is suspended while one of them waits.
 *
 * No call throws: whatever goes wrong is an error number, a bad pointer `EFAULT`.
 * The specification: https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md
 */
export function wasiImports(world: GuestWorld): WebAssembly.Imports {
  const { memory, files, net } = world;
  const most = net === undefined ? [] : [mostOfServers] as const;
  const descriptors = new DescriptorTable(world.descriptors, ...most);
  const host = { memory, files, net, descriptors };
  return {
    [wasiModuleName]: importsOf({ ...host, snapshot: 1 }, world),
    [oldWasiModuleName]: importsOf({ ...host, snapshot: 0 }, world),
  };
}

function importsOf(
  host: WasiHost,
  world: GuestWorld,
): WebAssembly.ModuleImports {
  const functions = wasiFunctions(host, world);
  const all: WebAssembly.ModuleImports = {};
  for (const [name, call] of Object.entries<WasiFunction>(functions)) {
    const answering = answeringAs(name, call);
    all[name] = waiting.has(name) ? suspending(answering) : answering;
  }
  for (const [name, second] of secondNames()) all[second] = all[name] ?? 0;
  return all;
}

function wasiFunctions(host: WasiHost, world: GuestWorld): WasiFunctions {
  const clocks = new Clocks();
  return {
    ...processFunctions(host, world, clocks),
    ...streamFunctions(host),
    ...fileFunctions(host),
    ...pathFunctions(host),
    ...openFunctions(host),
    ...pollFunctions(host, clocks),
    ...socketFunctions(host),
    ...socketExtension(host),
    ...addressInfoFunctions(host),
  };
}

/** Each connection is one; `confine` leaves some more to the process. */
const mostOfServers = 8000;

/** The functions that may wait. */
const waiting: ReadonlySet<string> = new Set(
  [
    "fd_read",
    "fd_write",
    "poll_oneoff",
    "sock_accept",
    "sock_recv",
    "sock_send",
    "sock_connect",
    "sock_getaddrinfo",
    "sock_recv_from",
    "sock_send_to",
  ] satisfies WasiFunctionName[],
);

/** Turns what a function throws into its answer; `ENOSYS` for parameters of nobody's version. */
function answeringAs(name: string, call: WasiFunction): WasiFunction {
  const counts = parameterCounts(name);
  const answering = answer(call);
  if (counts === undefined) return answering;
  return (...args) =>
    counts.includes(args.length) ? answering(...args) : errno.nosys;
}

function answer(call: WasiFunction): WasiFunction {
  return (...args: never[]) => {
    try {
      const result = call(...args);
      return result instanceof Promise ? result.catch(errnoOf) : result;
    } catch (error) {
      return errnoOf(error);
    }
  };
}
