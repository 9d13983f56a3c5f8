import { failWith } from "./guest_error.ts";
import { IncomingBody, OutgoingBody } from "./http_bodies.ts";
import { Fields } from "./http_fields.ts";

/** A variant such as `method` or `scheme`. */
export interface Variant {
  readonly tag: string;
  readonly val?: string;
}

/** The resource `wasi:http/types.incoming-request`. */
export class IncomingRequest {
  readonly #request: Request;
  #consumed = false;

  constructor(request: Request) {
    this.#request = request;
  }

  method(): Variant {
    const { method } = this.#request;
    return knownMethods.has(method)
      ? { tag: method.toLowerCase() }
      : { tag: "other", val: method };
  }

  pathWithQuery(): string {
    const { pathname, search } = new URL(this.#request.url);
    return pathname + search;
  }

  scheme(): Variant {
    return { tag: "HTTP" };
  }

  authority(): string {
    const { headers, url } = this.#request;
    return headers.get("host") ?? new URL(url).host;
  }

  headers(): Fields {
    return Fields.ofHeaders(this.#request.headers);
  }

  consume(): IncomingBody {
    if (this.#consumed) return failWith(undefined);
    this.#consumed = true;
    return new IncomingBody(this.#request.body);
  }
}

/** The resource `wasi:http/types.outgoing-response`. */
export class OutgoingResponse {
  readonly #headers: Fields;
  readonly #body = new OutgoingBody();
  #status = 200;
  #hasBody = false;

  constructor(headers: Fields) {
    this.#headers = headers.frozen();
  }

  statusCode(): number {
    return this.#status;
  }

  setStatusCode(status: number): void {
    if (status < 100 || status > 599) failWith(undefined);
    this.#status = status;
  }

  headers(): Fields {
    return this.#headers;
  }

  /** Can be had once. */
  body(): OutgoingBody {
    if (this.#hasBody) return failWith(undefined);
    this.#hasBody = true;
    return this.#body;
  }

  /** Lets whoever waits for more of the body know that the guest has ended; none if it is whole. */
  abandon(): void {
    this.#body[Symbol.dispose]();
  }

  /** What the client gets; the body follows as the guest writes it. */
  toResponse(): Response {
    const bodiless = [101, 204, 205, 304].includes(this.#status);
    return new Response(
      bodiless || !this.#hasBody ? null : this.#body.readable,
      {
        // Deno has no response of these, and no server means to send one.
        status: this.#status < 200 ? 500 : this.#status,
        headers: this.#headers.toHeaders(),
      },
    );
  }
}

/** The resource `wasi:http/types.response-outparam`: takes the one response to a request. */
export class ResponseOutparam {
  readonly #respond: (response: OutgoingResponse | undefined) => void;

  /** @param respond Gets nothing where the guest gives an error instead. */
  constructor(respond: (response: OutgoingResponse | undefined) => void) {
    this.#respond = respond;
  }

  static set(
    param: ResponseOutparam,
    result:
      | { readonly tag: "ok"; readonly val: OutgoingResponse }
      | { readonly tag: "err" },
  ): void {
    param.#respond(result.tag === "ok" ? result.val : undefined);
  }

  sendInformational(): void {
    failWith({ tag: "internal-error", val: "not supported" });
  }
}

/** The resource `wasi:http/types.outgoing-request`. */
export class OutgoingRequest {
  readonly #headers: Fields;
  readonly #body = new OutgoingBody();
  #method: Variant = { tag: "get" };
  #path: string | undefined;
  #scheme: Variant | undefined;
  #authority: string | undefined;
  #hasBody = false;

  constructor(headers: Fields) {
    this.#headers = headers.frozen();
  }

  /** Can be had once. */
  body(): OutgoingBody {
    if (this.#hasBody) return failWith(undefined);
    this.#hasBody = true;
    return this.#body;
  }

  method(): Variant {
    return this.#method;
  }

  setMethod(method: Variant): void {
    this.#method = method;
  }

  pathWithQuery(): string | undefined {
    return this.#path;
  }

  setPathWithQuery(path: string | undefined): void {
    this.#path = path;
  }

  scheme(): Variant | undefined {
    return this.#scheme;
  }

  setScheme(scheme: Variant | undefined): void {
    this.#scheme = scheme;
  }

  authority(): string | undefined {
    return this.#authority;
  }

  setAuthority(authority: string | undefined): void {
    this.#authority = authority;
  }

  headers(): Fields {
    return this.#headers;
  }
}

/** The resource `wasi:http/types.request-options`. */
export class RequestOptions {
  #connect: bigint | undefined;
  #firstByte: bigint | undefined;
  #betweenBytes: bigint | undefined;

  connectTimeout(): bigint | undefined {
    return this.#connect;
  }

  setConnectTimeout(nanos: bigint | undefined): void {
    this.#connect = nanos;
  }

  firstByteTimeout(): bigint | undefined {
    return this.#firstByte;
  }

  setFirstByteTimeout(nanos: bigint | undefined): void {
    this.#firstByte = nanos;
  }

  betweenBytesTimeout(): bigint | undefined {
    return this.#betweenBytes;
  }

  setBetweenBytesTimeout(nanos: bigint | undefined): void {
    this.#betweenBytes = nanos;
  }
}

const knownMethods: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "CONNECT",
  "OPTIONS",
  "TRACE",
  "PATCH",
]);
