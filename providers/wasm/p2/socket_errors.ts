import { errno, errnoOf } from "../errno.ts";
import { failWith, GuestError } from "./guest_error.ts";

/** The `error-code` of `wasi:sockets/network`. */
export type SocketErrorCode =
  | "unknown"
  | "access-denied"
  | "not-supported"
  | "invalid-argument"
  | "out-of-memory"
  | "timeout"
  | "concurrency-conflict"
  | "not-in-progress"
  | "would-block"
  | "invalid-state"
  | "new-socket-limit"
  | "address-not-bindable"
  | "address-in-use"
  | "remote-unreachable"
  | "connection-refused"
  | "connection-reset"
  | "connection-aborted"
  | "datagram-too-large"
  | "name-unresolvable"
  | "temporary-resolver-failure"
  | "permanent-resolver-failure";

/** Ends a call of a guest with an error code. */
export function failSocket(code: SocketErrorCode): never {
  return failWith(code);
}

/** Turns what goes wrong with a socket into the guest's error code. */
export function onSocket<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof GuestError) throw error;
    return failSocket(socketErrorOf(error));
  }
}

/** The guest's error code for what a socket failed with. */
export function socketErrorOf(error: unknown): SocketErrorCode {
  return byErrno[errnoOf(error)] ?? "unknown";
}

const byErrno: Readonly<Record<number, SocketErrorCode>> = {
  [errno.acces]: "access-denied",
  [errno.perm]: "access-denied",
  [errno.notsup]: "not-supported",
  [errno.afnosupport]: "not-supported",
  [errno.noprotoopt]: "not-supported",
  [errno.inval]: "invalid-argument",
  [errno.nomem]: "out-of-memory",
  [errno.nobufs]: "out-of-memory",
  [errno.timedout]: "timeout",
  [errno.already]: "concurrency-conflict",
  [errno.again]: "would-block",
  [errno.inprogress]: "would-block",
  [errno.isconn]: "invalid-state",
  [errno.notconn]: "invalid-state",
  [errno.mfile]: "new-socket-limit",
  [errno.nfile]: "new-socket-limit",
  [errno.addrnotavail]: "address-not-bindable",
  [errno.addrinuse]: "address-in-use",
  [errno.hostunreach]: "remote-unreachable",
  [errno.netunreach]: "remote-unreachable",
  [errno.netdown]: "remote-unreachable",
  [errno.connrefused]: "connection-refused",
  [errno.connreset]: "connection-reset",
  [errno.pipe]: "connection-reset",
  [errno.connaborted]: "connection-aborted",
  [errno.msgsize]: "datagram-too-large",
};
