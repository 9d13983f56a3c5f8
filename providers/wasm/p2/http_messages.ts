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
    const { url } = this.#request;
    // Of an absolute URL, as it came: nothing of it is made simpler.
    return url.slice(url.indexOf("/", url.indexOf("://") + 3));
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

  /** Whether the guest adds nothing to it any more. */
  get isOver(): boolean {
    return !this.#hasBody || this.#body.isOver;
  }

  /** Whether the guest has given all of it. */
  get isFinished(): boolean {
    return !this.#hasBody || this.#body.isFinished;
  }

  /** What the client gets; the body follows as the guest writes it. */
  toResponse(): Response {
    const bodiless = [101, 204, 205, 304].includes(this.#status);
    return new Response(
      bodiless || !this.#hasBody
        ? null
        : this.#body.takeWhole() ?? this.#body.readable,
      {
        // Deno has no response of these, and no server means to send one.
        status: this.#status < 200 ? 500 : this.#status,
        headers: this.#headers.toHeaders(),
      },
    );
  }
}

type Respond = (
  response: OutgoingResponse | undefined,
  error: string | undefined,
) => void;

/** The resource `wasi:http/types.response-outparam`: takes the one response to a request. */
export class ResponseOutparam {
  readonly #respond: Respond;

  /** @param respond Gets the name of an error where the guest gives that instead. */
  constructor(respond: Respond) {
    this.#respond = respond;
  }

  static set(
    param: ResponseOutparam,
    result:
      | { readonly tag: "ok"; readonly val: OutgoingResponse }
      | { readonly tag: "err"; readonly val: Variant },
  ): void {
    if (result.tag === "ok") return param.#respond(result.val, undefined);
    param.#respond(undefined, result.val.tag);
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

  /** What the guest writes as its body; undefined if it has not asked for one. */
  get sentBody(): ReadableStream<Uint8Array> | undefined {
    return this.#hasBody ? this.#body.readable : undefined;
  }

  /** What the guest gave when it finished the body. */
  get sentTrailers(): Fields {
    return this.#body.trailers;
  }

  method(): Variant {
    return this.#method;
  }

  setMethod(method: Variant): void {
    const { tag, val = "" } = method;
    if (tag === "other" && !isToken(val)) failWith(undefined);
    this.#method = method;
  }

  pathWithQuery(): string | undefined {
    return this.#path;
  }

  setPathWithQuery(path: string | undefined): void {
    if (path !== undefined && !/^[\x21-\x7e]*$/.test(path)) failWith(undefined);
    this.#path = path;
  }

  scheme(): Variant | undefined {
    return this.#scheme;
  }

  setScheme(scheme: Variant | undefined): void {
    const { tag, val = "" } = scheme ?? {};
    if (tag === "other" && !/^[a-z][a-z\d+.-]*$/i.test(val)) {
      failWith(undefined);
    }
    this.#scheme = scheme;
  }

  authority(): string | undefined {
    return this.#authority;
  }

  setAuthority(authority: string | undefined): void {
    const isWhole = authority === undefined ||
      /^(\[[\da-f:.]+\]|[\w.~-]+)(:\d{1,5})?$/i.test(authority);
    if (!isWhole) failWith(undefined);
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

/** RFC 9110, section 5.6.2. */
function isToken(text: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9a-z-]+$/i.test(text);
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
