import { failWith } from "./guest_error.ts";
import { FutureTrailers, IncomingBody, OutgoingBody } from "./http_bodies.ts";
import { Fields } from "./http_fields.ts";
import {
  IncomingRequest,
  OutgoingRequest,
  OutgoingResponse,
  RequestOptions,
  ResponseOutparam,
} from "./http_messages.ts";

/** The interfaces of the package `wasi:http`: guests answer requests, and may send none. */
export function httpInterfaces() {
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
      httpErrorCode: () => undefined,
    },
    "wasi:http/outgoing-handler": {
      handle: () => failWith({ tag: "HTTP-request-denied" }),
    },
  };
}

// Resources that no guest ever gets, but the bindings ask for their classes.
class IncomingResponse {}

class FutureIncomingResponse {}
