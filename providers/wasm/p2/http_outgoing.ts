import type { NameResolver } from "../name_resolver.ts";
import { failWith } from "./guest_error.ts";
import { IncomingBody } from "./http_bodies.ts";
import { denied } from "./http_connect.ts";
import { exchange, type ExchangeResponse } from "./http_exchange.ts";
import { connectFailure, type HttpErrorCode } from "./http_failure.ts";
import { Fields } from "./http_fields.ts";
import type { OutgoingRequest, RequestOptions } from "./http_messages.ts";
import { Pollable } from "./pollable.ts";

/** The function `wasi:http/outgoing-handler.handle`. */
export function sendRequest(
  request: OutgoingRequest,
  options: RequestOptions | undefined,
  names: NameResolver | undefined,
): FutureIncomingResponse {
  if (names === undefined) return failWith(denied().code);
  const { scheme, host, port, authority } = serverOf(request);
  const method = methodOf(request);
  const path = pathOf(request);
  if (!names.allowsHost(host, port, scheme)) return failWith(denied().code);
  const stop = new AbortController();
  const response = exchange(
    {
      ...{ scheme, host, port, authority, method, path },
      headers: request.headers().toLines(),
      body: request.sentBody,
      trailers: () => request.sentTrailers.toLines(),
      timeouts: timeoutsOf(options),
    },
    names,
    stop.signal,
  );
  return new FutureIncomingResponse(response, () => stop.abort());
}

/** The resource `wasi:http/types.future-incoming-response`. */
export class FutureIncomingResponse implements Disposable {
  readonly #settled: Promise<void>;
  readonly #cancel: () => void;
  #outcome:
    | { readonly tag: "ok"; readonly val: IncomingResponse }
    | { readonly tag: "err"; readonly val: HttpErrorCode }
    | undefined;
  #taken = false;

  constructor(response: Promise<ExchangeResponse>, cancel: () => void) {
    this.#cancel = cancel;
    this.#settled = response.then((exchanged) => {
      this.#outcome = { tag: "ok", val: new IncomingResponse(exchanged) };
    }, (error) => {
      this.#outcome = { tag: "err", val: connectFailure(error).code };
    });
  }

  subscribe(): Pollable {
    return new Pollable(() => this.#outcome !== undefined, () => this.#settled);
  }

  /** Undefined while there is none yet; what it is can be had once. */
  get() {
    if (this.#outcome === undefined) return undefined;
    if (this.#taken) return { tag: "err", val: undefined };
    this.#taken = true;
    return { tag: "ok", val: this.#outcome };
  }

  /** A response that nobody has taken is not waited for. */
  [Symbol.dispose](): void {
    if (!this.#taken) this.#cancel();
  }
}

/** The resource `wasi:http/types.incoming-response`. */
export class IncomingResponse implements Disposable {
  readonly #response: ExchangeResponse;
  #consumed = false;

  constructor(response: ExchangeResponse) {
    this.#response = response;
  }

  status(): number {
    return this.#response.head.status;
  }

  headers(): Fields {
    return Fields.ofHeaders(this.#response.head.headers);
  }

  /** Can be had once. */
  consume(): IncomingBody {
    if (this.#consumed) return failWith(undefined);
    this.#consumed = true;
    return new IncomingBody(this.#response.body);
  }

  [Symbol.dispose](): void {
    if (this.#consumed) return;
    // The server need not hear that nobody reads it.
    this.#response.body.cancel().catch(() => undefined);
  }
}

interface Server {
  readonly scheme: "http" | "https";
  readonly host: string;
  readonly port: number;
  readonly authority: string;
}

function serverOf(request: OutgoingRequest): Server {
  const { tag = "HTTPS" } = request.scheme() ?? {};
  if (tag === "other") return failWith({ tag: "HTTP-protocol-error" });
  const scheme = tag === "HTTP" ? "http" : "https";
  const authority = request.authority() ?? "";
  const [, host, portText] = /^(\[[^\]]+\]|[^:[\]]+)(?::(\d{1,5}))?$/
    .exec(authority) ?? [];
  const usual = scheme === "http" ? 80 : 443;
  const port = portText === undefined ? usual : Number(portText);
  if (host === undefined || port < 1 || port > 65535) {
    return failWith({ tag: "HTTP-request-URI-invalid" });
  }
  return { scheme, host, port, authority };
}

function methodOf(request: OutgoingRequest): string {
  const { tag, val } = request.method();
  return tag === "other" ? val ?? "" : tag.toUpperCase();
}

/** With a slash in front: a whole URL would overrule the host. */
function pathOf(request: OutgoingRequest): string {
  const path = request.pathWithQuery() ?? "";
  return path === "*" || path.startsWith("/") ? path : `/${path}`;
}

/** Where a guest sets none, those of wasmtime. */
function timeoutsOf(options: RequestOptions | undefined) {
  const millis = (nanos: bigint | undefined) =>
    nanos === undefined ? usualTimeout : Math.min(
      Number(nanos / 1_000_000n),
      longestTimeout,
    );
  return {
    connect: millis(options?.connectTimeout()),
    firstByte: millis(options?.firstByteTimeout()),
    betweenBytes: millis(options?.betweenBytesTimeout()),
  };
}

const usualTimeout = 600_000;

/** What a timer can be, in milliseconds. */
const longestTimeout = 2 ** 31 - 1;
