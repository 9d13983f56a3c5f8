import { messageOf } from "../../../async/message_of.ts";

/** The `error-code` of `wasi:http/types`: its case, and what that has. */
export interface HttpErrorCode {
  readonly tag: string;
  readonly val?: unknown;
}

/** Why a request has no response, or a message no end. */
export class HttpFailure extends Error {
  override readonly name = "HttpFailure";
  readonly code: HttpErrorCode;

  constructor(code: HttpErrorCode, options?: ErrorOptions) {
    super(`HTTP failed: ${code.tag}`, options);
    this.code = code;
  }
}

/** What a guest is told of an error while a connection is made. */
export function connectFailure(error: unknown): HttpFailure {
  if (error instanceof HttpFailure) return error;
  return new HttpFailure(connectCode(error), { cause: error });
}

function connectCode(error: unknown): HttpErrorCode {
  if (error instanceof Deno.errors.PermissionDenied) {
    return { tag: "destination-IP-prohibited" };
  }
  if (error instanceof Deno.errors.NotFound) {
    const val = { rcode: "NXDOMAIN", infoCode: undefined };
    return { tag: "DNS-error", val };
  }
  if (error instanceof Deno.errors.ConnectionRefused) {
    return { tag: "connection-refused" };
  }
  if (error instanceof Deno.errors.TimedOut) {
    return { tag: "connection-timeout" };
  }
  const message = messageOf(error);
  if (/unreachable/i.test(message)) return { tag: "destination-IP-unroutable" };
  if (/certificate|UnknownIssuer/i.test(message)) {
    return { tag: "TLS-certificate-error" };
  }
  if (error instanceof Deno.errors.InvalidData) {
    return { tag: "TLS-protocol-error" };
  }
  if (/reset|broken pipe|eof/i.test(message)) {
    return { tag: "connection-terminated" };
  }
  return { tag: "internal-error", val: message };
}
