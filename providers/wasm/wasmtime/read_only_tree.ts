import type { ProgramCalls } from "./program_calls.ts";

/**
 * A descriptor for the same directory in which nothing can be changed: a mount of its own that no
 * path leads to. The caller closes it. Throws where Linux refuses, as it does to all but root.
 */
export function readOnlyTree(calls: ProgramCalls, directory: number): number {
  const tree = calls.systemCall(
    "open_tree",
    BigInt(directory),
    emptyPath,
    BigInt(atEmptyPath | atRecursive | openTreeClone | openTreeCloseOnExec),
  );
  calls.systemCall(
    "mount_setattr",
    BigInt(tree),
    emptyPath,
    BigInt(atEmptyPath | atRecursive),
    new BigUint64Array([mountReadOnly, 0n, 0n, 0n]),
    32n,
  );
  return tree;
}

const emptyPath = new Uint8Array(1);

// Of linux/fcntl.h and linux/mount.h.
const atEmptyPath = 0x1000;
const atRecursive = 0x8000;
const openTreeClone = 1;
const openTreeCloseOnExec = 0o2000000;
const mountReadOnly = 1n;
