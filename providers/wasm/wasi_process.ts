import type { Clocks } from "./clocks.ts";
import { errno } from "./errno.ts";
import type { WasiFunctions, WasiHost } from "./wasi_host.ts";

/** What a guest is told of itself, and how it ends. */
export interface GuestProcess {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /**
   * Ends the guest for good. It must not throw, as guests can catch what an import throws.
   * @param code what the guest says, from 0 to 2^32 - 1
   */
  exit(code: number): never;
}

/** The functions for arguments, environment, clocks, random bytes and the end. */
export function processFunctions(
  { memory }: WasiHost,
  process: GuestProcess,
  clocks: Clocks,
) {
  const args = process.args.map(cString);
  const env = Object.entries(process.env)
    .map(([name, value]) => cString(`${name}=${value}`));

  function writeSizes(
    strings: readonly Uint8Array[],
    outCount: number,
    outLength: number,
  ): number {
    memory.setUint32(outCount, strings.length);
    const length = strings.reduce((sum, bytes) => sum + bytes.length, 0);
    memory.setUint32(outLength, length);
    return errno.success;
  }

  function writeStrings(
    strings: readonly Uint8Array[],
    outPointers: number,
    outBytes: number,
  ): number {
    let at = outBytes;
    for (const [index, bytes] of strings.entries()) {
      memory.setUint32(outPointers + index * 4, at);
      memory.slice(at, bytes.length).set(bytes);
      at += bytes.length;
    }
    return errno.success;
  }

  return {
    args_get: (pointers: number, bytes: number): number =>
      writeStrings(args, pointers, bytes),
    args_sizes_get: (count: number, length: number): number =>
      writeSizes(args, count, length),
    environ_get: (pointers: number, bytes: number): number =>
      writeStrings(env, pointers, bytes),
    environ_sizes_get: (count: number, length: number): number =>
      writeSizes(env, count, length),
    clock_res_get(id: number, out: number): number {
      clocks.now(id);
      memory.setUint64(out, 1000n);
      return errno.success;
    },
    clock_time_get(id: number, _precision: bigint, out: number): number {
      memory.setUint64(out, clocks.now(id));
      return errno.success;
    },
    random_get(out: number, length: number): number {
      const bytes = memory.slice(out, length);
      for (let at = 0; at < bytes.length; at += maxRandom) {
        crypto.getRandomValues(bytes.subarray(at, at + maxRandom));
      }
      return errno.success;
    },
    sched_yield: (): number => errno.success,
    proc_exit: (code: number): never => process.exit(code >>> 0),
    proc_raise: (): number => errno.notsup,
  } satisfies Partial<WasiFunctions>;
}

function cString(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}

/** What `crypto.getRandomValues` gives at once, by the Web Crypto specification. */
const maxRandom = 65536;
