/** Error numbers of WASI preview 1, as far as this host answers with them. */
export const errno = {
  success: 0,
  acces: 2,
  again: 6,
  badf: 8,
  busy: 10,
  dquot: 19,
  exist: 20,
  fault: 21,
  fbig: 22,
  ilseq: 25,
  inval: 28,
  io: 29,
  isdir: 31,
  loop: 32,
  mfile: 33,
  mlink: 34,
  nametoolong: 37,
  nfile: 41,
  noent: 44,
  nospc: 51,
  nosys: 52,
  notdir: 54,
  notempty: 55,
  notsock: 57,
  notsup: 58,
  nxio: 60,
  perm: 63,
  pipe: 64,
  rofs: 69,
  spipe: 70,
  txtbsy: 74,
  xdev: 75,
} as const;

/** Ends a WASI call with an error number. */
export class WasiError extends Error {
  override readonly name = "WasiError";
  readonly errno: number;

  constructor(errno: number) {
    super(`WASI error number ${errno}`);
    this.errno = errno;
  }
}

/** Throws a {@linkcode WasiError}. */
export function fail(errno: number): never {
  throw new WasiError(errno);
}

/** The error number for whatever a call threw: ours, one of `node:fs`, or one of `Deno`. */
export function errnoOf(error: unknown): number {
  if (error instanceof WasiError) return error.errno;
  if (!(error instanceof Error)) return errno.io;
  const code = "code" in error && typeof error.code === "string"
    ? byName[error.code]
    : undefined;
  if (code !== undefined) return code;
  // Deno's own functions say it in the message only.
  const number = /\(os error (\d+)\)/.exec(error.message)?.[1];
  return number === undefined ? errno.io : errnoOfLinux(Number(number));
}

/** The error number for one of Linux. */
export function errnoOfLinux(number: number): number {
  return byNumber[number] ?? errno.io;
}

const byName: Readonly<Record<string, number>> = {
  EPERM: errno.perm,
  ENOENT: errno.noent,
  EIO: errno.io,
  ENXIO: errno.nxio,
  EBADF: errno.badf,
  EAGAIN: errno.again,
  EACCES: errno.acces,
  EBUSY: errno.busy,
  EEXIST: errno.exist,
  EXDEV: errno.xdev,
  ENOTDIR: errno.notdir,
  EISDIR: errno.isdir,
  EINVAL: errno.inval,
  ENFILE: errno.nfile,
  EMFILE: errno.mfile,
  ETXTBSY: errno.txtbsy,
  EFBIG: errno.fbig,
  ENOSPC: errno.nospc,
  ESPIPE: errno.spipe,
  EROFS: errno.rofs,
  EMLINK: errno.mlink,
  EPIPE: errno.pipe,
  ENAMETOOLONG: errno.nametoolong,
  ENOTEMPTY: errno.notempty,
  ELOOP: errno.loop,
  ENOTSUP: errno.notsup,
  EOPNOTSUPP: errno.notsup,
  EDQUOT: errno.dquot,
};

// asm-generic/errno.h of Linux: the same on x86-64 and arm64.
const byNumber: Readonly<Record<number, number>> = {
  1: errno.perm,
  2: errno.noent,
  5: errno.io,
  6: errno.nxio,
  9: errno.badf,
  11: errno.again,
  13: errno.acces,
  16: errno.busy,
  17: errno.exist,
  18: errno.xdev,
  20: errno.notdir,
  21: errno.isdir,
  22: errno.inval,
  23: errno.nfile,
  24: errno.mfile,
  26: errno.txtbsy,
  27: errno.fbig,
  28: errno.nospc,
  29: errno.spipe,
  30: errno.rofs,
  31: errno.mlink,
  32: errno.pipe,
  36: errno.nametoolong,
  39: errno.notempty,
  40: errno.loop,
  95: errno.notsup,
  122: errno.dquot,
};
