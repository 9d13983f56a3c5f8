import { Clocks } from "./clocks.ts";
import { type Descriptor, DescriptorTable } from "./descriptors.ts";
import { errno, errnoOf } from "./errno.ts";
import type { GuestMemory } from "./guest_memory.ts";
import type { HostFiles } from "./host_files.ts";
import { suspending } from "./jspi.ts";
import { fileFunctions } from "./wasi_files.ts";
import type { WasiFunction, WasiFunctions, WasiHost } from "./wasi_host.ts";
import { openFunctions } from "./wasi_open.ts";
import { pathFunctions } from "./wasi_paths.ts";
import { pollFunctions } from "./wasi_poll.ts";
import { type GuestProcess, processFunctions } from "./wasi_process.ts";
import { streamFunctions } from "./wasi_streams.ts";

/** All that a guest can reach. */
export interface GuestWorld extends GuestProcess {
  readonly memory: GuestMemory;
  /** The standard streams, then the directories that the guest finds open. */
  readonly descriptors: readonly Descriptor[];
  /** Needed where there are directories. */
  readonly files: HostFiles | undefined;
}

/**
 * The functions of WASI preview 1 for one guest.
 *
 * No call throws: whatever goes wrong is an error number, a bad pointer `EFAULT`.
 * The specification: https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md
 */
export function wasiFunctions(world: GuestWorld): WasiFunctions {
  const host: WasiHost = {
    memory: world.memory,
    files: world.files,
    descriptors: new DescriptorTable(world.descriptors),
  };
  const clocks = new Clocks();
  const functions: WasiFunctions = {
    ...processFunctions(host, world, clocks),
    ...streamFunctions(host),
    ...fileFunctions(host),
    ...pathFunctions(host),
    ...openFunctions(host),
    ...pollFunctions(host, clocks),
    ...socketFunctions(host),
  };
  return mapValues(functions, answering);
}

/** The same as imports for a module; the guest is suspended while one of them waits. */
export function wasiImports(world: GuestWorld): WebAssembly.ModuleImports {
  const { fd_read, poll_oneoff, ...others } = wasiFunctions(world);
  return {
    ...others,
    fd_read: suspending(fd_read),
    poll_oneoff: suspending(poll_oneoff),
  };
}

/** Guests have no sockets: every descriptor is something else. */
function socketFunctions({ descriptors }: WasiHost) {
  function notSocket(fd: number): number {
    descriptors.get(fd);
    return errno.notsock;
  }
  return {
    sock_accept: notSocket,
    sock_recv: notSocket,
    sock_send: notSocket,
    sock_shutdown: notSocket,
  } satisfies Partial<WasiFunctions>;
}

/** Turns what a function throws into its answer. */
function answering(call: WasiFunction): WasiFunction {
  return (...args: never[]) => {
    try {
      const result = call(...args);
      return result instanceof Promise ? result.catch(errnoOf) : result;
    } catch (error) {
      return errnoOf(error);
    }
  };
}

function mapValues<Key extends string, From, To>(
  record: Readonly<Record<Key, From>>,
  map: (value: From) => To,
): Record<Key, To> {
  const entries = Object.entries<From>(record)
    .map(([key, value]) => [key, map(value)]);
  return Object.fromEntries(entries);
}
