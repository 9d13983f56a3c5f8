import type { AbortOptions } from "../../../async/abort.ts";
import { Deadline } from "../../../async/deadline.ts";
import { connectionFailure } from "../../../k8s/errors.ts";
import { RegistryError } from "./registry_error.ts";

/** How long a registry may be silent, before its answer and within it. */
const silence = 60_000;
const maxRedirects = 5;

/** A request of {@linkcode request}. */
export interface RegistryRequest {
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: URLSearchParams;
  /** How it is connected to; as every other server unless given. */
  readonly client?: Deno.HttpClient;
}

/**
 * Asks a server, and hands its answer to `use`; once that has settled, the connection is let go of.
 *
 * Redirects are followed, never from TLS to plain text. `authorization` stays with its server, and so
 * does a body.
 */
export async function request<T>(
  url: URL,
  { method = "GET", headers = {}, body, client }: RegistryRequest,
  use: (answer: RegistryAnswer) => Promise<T>,
  { signal }: AbortOptions,
): Promise<T> {
  using deadline = new Deadline(silence, { signal });
  let place = url;
  for (let hops = 0; hops <= maxRedirects; hops++) {
    const { authorization: _, ...open } = headers;
    const response = await ask(place, {
      method,
      headers: place.origin === url.origin ? headers : open,
      redirect: "manual",
      signal: deadline.signal,
      ...(body && { body }),
      ...(client && { client }),
    }, { signal });
    const location = response.headers.get("location");
    if (![301, 302, 303, 307, 308].includes(response.status) || !location) {
      try {
        return await use({
          response,
          chunks: () => chunks(response, deadline, place),
        });
      } finally {
        await drop(response);
      }
    }
    await drop(response);
    const next = new URL(location, place);
    const allowed = next.protocol === "https:" ||
      (next.protocol === "http:" && place.protocol === "http:");
    if (!allowed || (body && next.origin !== url.origin)) {
      throw new RegistryError(`${place.host} redirects to "${next.origin}"`);
    }
    place = next;
  }
  throw new RegistryError(`${url.host} redirects too often`);
}

/** An answer, and its body piece by piece. */
export interface RegistryAnswer {
  readonly response: Response;
  chunks(): AsyncIterable<Uint8Array<ArrayBuffer>>;
}

/** The whole of an answer, if it is not larger than it may be. */
export async function readAll(
  answer: RegistryAnswer,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of answer.chunks()) {
    size += chunk.length;
    if (size > maxBytes) {
      throw new RegistryError(
        `an answer of the registry has more than ${maxBytes} bytes`,
      );
    }
    parts.push(chunk);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function* chunks(
  { body }: Response,
  deadline: Deadline,
  { host }: URL,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  if (body === null) return;
  try {
    for await (const chunk of body) {
      deadline.extend(silence);
      yield chunk;
    }
  } catch (error) {
    throw failure(error, host, deadline.expired);
  }
}

async function ask(
  url: URL,
  init: RequestInit & {
    readonly signal: AbortSignal;
    readonly client?: Deno.HttpClient;
  },
  { signal }: AbortOptions,
): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    signal.throwIfAborted();
    throw failure(error, url.host, init.signal.aborted);
  }
}

function failure(error: unknown, host: string, expired: boolean): unknown {
  if (expired) {
    return new RegistryError(`${host} does not answer: i/o timeout`, {
      transient: true,
      cause: error,
    });
  }
  if (!(error instanceof TypeError) && !(error instanceof Deno.errors.Http)) {
    return error;
  }
  const why = connectionFailure(error);
  return new RegistryError(
    `${host} cannot be reached: ${why}${hint(why, host)}`,
    {
      transient: true,
      cause: error,
    },
  );
}

/** Says what to do about a registry that has TLS as nobody trusts it, or none at all. */
function hint(why: string, host: string): string {
  if (/unknown authority/.test(why)) {
    return `; put the certificate of its authority into /etc/containers/certs.d/${host}/ca.crt`;
  }
  if (/CaUsedAsEndEntity/.test(why)) {
    return ": its certificate is that of an authority; a server's has basicConstraints CA:FALSE";
  }
  if (/InvalidContentType/.test(why)) {
    return ": it speaks HTTP without TLS; to use it so, name it as an insecure registry";
  }
  return "";
}

async function drop({ body, bodyUsed }: Response): Promise<void> {
  if (body === null || bodyUsed || body.locked) return;
  await body.cancel().catch(() => undefined); // It is given up anyway.
}
