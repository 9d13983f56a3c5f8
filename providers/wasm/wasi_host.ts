import type { DescriptorTable } from "./descriptors.ts";
import type { GuestNet } from "./guest_sockets.ts";
import type { GuestMemory } from "./guest_memory.ts";
import type { HostFiles } from "./host_files.ts";
import type { WasiFunctionName } from "./wasi_names.ts";

/** A WASI function: numbers and bigints in, an error number out, perhaps later. */
export type WasiFunction = (...args: never[]) => number | Promise<number>;

/** WASI functions by their names. */
export type WasiFunctions<Name extends WasiFunctionName = WasiFunctionName> =
  Readonly<Record<Name, WasiFunction>>;

/** What the WASI functions of one guest work on. */
export interface WasiHost {
  readonly memory: GuestMemory;
  readonly descriptors: DescriptorTable;
  /** Absent where the guest has no directories. */
  readonly files: HostFiles | undefined;
  /** 1 for preview 1; 0 for the snapshot before it, which differs in some structures. */
  readonly snapshot: 0 | 1;
  /** Absent where the guest neither listens nor may reach anything. */
  readonly net: GuestNet | undefined;
}

/** Bits of the `fdflags` of WASI preview 1. */
export const fdFlag = { append: 1, nonBlock: 4 } as const;
