import { errno, errnoOf } from "../errno.ts";
import { GuestError } from "./guest_error.ts";

/** Calls what may fail like a function of preview 1, and fails as `wasi:filesystem` does. */
export function withErrorCode<T>(call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw new GuestError(errorCodeOf(cause), { cause });
  }
}

/** The `error-code` of `wasi:filesystem` for whatever a file operation threw. */
export function errorCodeOf(error: unknown): string {
  if (error instanceof GuestError && typeof error.payload === "string") {
    return error.payload;
  }
  return codes[errnoOf(error)] ?? "io";
}

const codes: Readonly<Record<number, string>> = {
  [errno.acces]: "access",
  [errno.again]: "would-block",
  [errno.badf]: "bad-descriptor",
  [errno.busy]: "busy",
  [errno.dquot]: "quota",
  [errno.exist]: "exist",
  [errno.fbig]: "file-too-large",
  [errno.ilseq]: "illegal-byte-sequence",
  [errno.inval]: "invalid",
  [errno.isdir]: "is-directory",
  [errno.loop]: "loop",
  [errno.mlink]: "too-many-links",
  [errno.nametoolong]: "name-too-long",
  [errno.mfile]: "insufficient-memory",
  [errno.nfile]: "insufficient-memory",
  [errno.noent]: "no-entry",
  [errno.nospc]: "insufficient-space",
  [errno.nosys]: "unsupported",
  [errno.notdir]: "not-directory",
  [errno.notempty]: "not-empty",
  [errno.notsup]: "unsupported",
  [errno.nxio]: "no-such-device",
  [errno.perm]: "not-permitted",
  [errno.pipe]: "pipe",
  [errno.rofs]: "read-only",
  [errno.spipe]: "invalid-seek",
  [errno.txtbsy]: "text-file-busy",
  [errno.xdev]: "cross-device",
};
