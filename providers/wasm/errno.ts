/** Error numbers of WASI preview 1, as far as this host answers with them. */
export const errno = {
  success: 0,
  acces: 2,
  addrinuse: 3,
  addrnotavail: 4,
  afnosupport: 5,
  again: 6,
  already: 7,
  badf: 8,
  busy: 10,
  connaborted: 13,
  connrefused: 14,
  connreset: 15,
  destaddrreq: 17,
  dquot: 19,
  exist: 20,
  fault: 21,
  fbig: 22,
  hostunreach: 23,
  ilseq: 25,
  inprogress: 26,
  intr: 27,
  inval: 28,
  io: 29,
  isconn: 30,
  isdir: 31,
  loop: 32,
  mfile: 33,
  mlink: 34,
  msgsize: 35,
  nametoolong: 37,
  netdown: 38,
  netreset: 39,
  netunreach: 40,
  nfile: 41,
  nobufs: 42,
  noent: 44,
  nomem: 48,
  noprotoopt: 50,
  nospc: 51,
  nosys: 52,
  notconn: 53,
  notdir: 54,
  notempty: 55,
  notsock: 57,
  notsup: 58,
  nxio: 60,
  perm: 63,
  pipe: 64,
  protonosupport: 66,
  prototype: 67,
  rofs: 69,
  spipe: 70,
  timedout: 73,
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
  4: errno.intr,
  5: errno.io,
  6: errno.nxio,
  9: errno.badf,
  11: errno.again,
  12: errno.nomem,
  13: errno.acces,
  14: errno.fault,
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
  88: errno.notsock,
  89: errno.destaddrreq,
  90: errno.msgsize,
  91: errno.prototype,
  92: errno.noprotoopt,
  93: errno.protonosupport,
  95: errno.notsup,
  97: errno.afnosupport,
  98: errno.addrinuse,
  99: errno.addrnotavail,
  100: errno.netdown,
  101: errno.netunreach,
  102: errno.netreset,
  103: errno.connaborted,
  104: errno.connreset,
  105: errno.nobufs,
  106: errno.isconn,
  107: errno.notconn,
  110: errno.timedout,
  111: errno.connrefused,
  113: errno.hostunreach,
  114: errno.already,
  115: errno.inprogress,
  122: errno.dquot,
};
