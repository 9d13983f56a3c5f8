import type { NameResolver } from "../name_resolver.ts";
import { FutureTrailers, IncomingBody, OutgoingBody } from "./http_bodies.ts";
import { HttpFailure } from "./http_failure.ts";
import { Fields } from "./http_fields.ts";
import {
  IncomingRequest,
  OutgoingRequest,
  OutgoingResponse,
  RequestOptions,
  ResponseOutparam,
} from "./http_messages.ts";
import {
  FutureIncomingResponse,
  IncomingResponse,
  sendRequest,
} from "./http_outgoing.ts";
import type { IoError } from "./streams.ts";

/**
 * The interfaces of the package `wasi:http`.
 * @param names Which servers requests may go to; undefined for none.
 */
export function httpInterfaces(names: NameResolver | undefined) {
  return {
    "wasi:http/types": {
      Fields,
      FutureIncomingResponse,
      FutureTrailers,
      IncomingBody,
      IncomingRequest,
      IncomingResponse,
      OutgoingBody,
      OutgoingRequest,
      OutgoingResponse,
      RequestOptions,
      ResponseOutparam,
      httpErrorCode: ({ cause }: IoError) =>
        cause instanceof HttpFailure ? cause.code : undefined,
    },
    "wasi:http/outgoing-handler": {
      handle: (request: OutgoingRequest, options: RequestOptions | undefined) =>
        sendRequest(request, options, names),
    },
  };
}
