import type { OpenOptions } from "./host_files.ts";

/** The flags of open(2) for a regular file. */
export function openFlags(options: OpenOptions): number {
  const { read, write, append, create, exclusive, truncate } = options;
  const access = !write && !truncate
    ? flag.readOnly
    : read || truncate
    ? flag.readWrite
    : flag.writeOnly;
  return access | flag.noFollow | flag.closeOnExec |
    // Or else a FIFO in the place of the file would block the guest for ever.
    flag.nonBlock |
    (append ? flag.append : 0) |
    (create ? flag.create : 0) |
    (exclusive ? flag.exclusive : 0) |
    (truncate ? flag.truncate : 0);
}

/** The flags of open(2) for a directory that only serves to name what is in it. */
export function directoryFlags(): number {
  return flag.path | flag.directory | flag.noFollow | flag.closeOnExec;
}

// asm-generic/fcntl.h of Linux; x86-64 uses it as it is, arm64 has own values for two.
const flag = {
  readOnly: 0,
  writeOnly: 0o1,
  readWrite: 0o2,
  create: 0o100,
  exclusive: 0o200,
  truncate: 0o1000,
  append: 0o2000,
  nonBlock: 0o4000,
  directory: Deno.build.arch === "aarch64" ? 0o40000 : 0o200000,
  noFollow: Deno.build.arch === "aarch64" ? 0o100000 : 0o400000,
  closeOnExec: 0o2000000,
  path: 0o10000000,
};
