import { isIP } from "node:net";
import { abortable, type AbortOptions } from "../async/abort.ts";
import type { DuplexStream } from "../async/byte_stream.ts";
import { type BodySource, HttpConnection } from "../async/http_connection.ts";
import { messageOf } from "../async/message_of.ts";
import type { Container } from "../k8s/types.ts";
import type { ServerAddress } from "../providers/provider.ts";
import type { PortConnection } from "../providers/runtime.ts";
import { securedStream } from "./pod_tls.ts";
import { portStream } from "./port_stream.ts";
import { isUnreachable } from "./unreachable.ts";

/** An `httpGet` of a probe or a hook, as in the API. */
export interface HttpGetAction {
  readonly scheme?: string;
  readonly host?: string;
  readonly port: string | number;
  readonly path?: string;
  readonly httpHeaders?: readonly HttpHeader[];
}

interface HttpHeader {
  readonly name: string;
  readonly value: string;
}

/** Connects to a server as the node sees it. */
export type Dial = (
  address: ServerAddress,
  options: AbortOptions,
) => Promise<PortConnection>;

/** One GET, to be made by {@linkcode httpGet}. */
export interface HttpGetRequest {
  readonly scheme: "http" | "https";
  readonly host: string;
  readonly port: number;
  /** With its query, percent-encoded. */
  readonly path: string;
  readonly headers: readonly HttpHeader[];
}

/** What a server answered. */
export interface HttpAnswer {
  readonly status: number;
  /** At most 10 KiB of it. */
  readonly body: string;
  readonly location?: string;
}

/** As the kubelet's pkg/probe/http. */
const maxBodyBytes = 10 * 1024;
const mostRedirects = 10;
/** What Go's client follows with a GET. */
const redirects: readonly number[] = [301, 302, 303, 307, 308];
const kubernetesVersion = "1.37";

/**
 * The request of an `httpGet`, with the headers of a kubelet: `user` is `probe` or `lifecycle`.
 * Throws what the kubelet says of a port that the container does not have.
 */
export function httpGetRequest(
  { scheme, host, port, path = "", httpHeaders = [] }: HttpGetAction,
  { container, podIp, user }: {
    readonly container: Container;
    readonly podIp: string;
    readonly user: "probe" | "lifecycle";
  },
): HttpGetRequest {
  const given = (name: string) =>
    httpHeaders.find((header) => header.name.toLowerCase() === name);
  return {
    scheme: scheme?.toLowerCase() === "https" ? "https" : "http",
    host: host === undefined || host === "" ? podIp : host,
    port: containerPort(port, container),
    path: encodedPath(path),
    headers: [
      ...(given("user-agent") ? [] : [{
        name: "User-Agent",
        value: `kube-${user}/${kubernetesVersion}`,
      }]),
      ...(given("accept") ? [] : [{ name: "Accept", value: "*/*" }]),
      // An empty one takes the default away.
      ...httpHeaders.filter(({ name, value }) =>
        name.toLowerCase() !== "accept" || value !== ""
      ),
    ],
  };
}

/**
 * The number of a port that is given as such or by the name that it has in the container. Throws
 * the kubelet's message where there is none.
 */
export function containerPort(
  port: string | number,
  { ports = [] }: Pick<Container, "ports">,
): number {
  const named = ports.find(({ name }) => name === port)?.containerPort;
  if (named === undefined && !/^[+-]?\d+$/.test(String(port))) {
    throw new Error(
      `strconv.Atoi: parsing ${JSON.stringify(port)}: invalid syntax`,
    );
  }
  const number = named ?? Number(port);
  if (number > 0 && number < 65536) return number;
  throw new Error(`invalid port number: ${number}`);
}

/**
 * Makes one GET over a connection of its own. Certificates are not verified. Fails with an error
 * whose message is that of Go's client, with an `UnreachableError` where nobody knows whether the
 * server would answer, and with the signal's reason.
 */
export async function httpGet(
  request: HttpGetRequest,
  { dial, signal }: AbortOptions & { readonly dial: Dial },
): Promise<HttpAnswer> {
  try {
    return await exchange(request, { dial, signal });
  } catch (error) {
    signal.throwIfAborted();
    if (isUnreachable(error)) throw error;
    const why = messageOf(error);
    throw new Error(`Get "${requestUrl(request)}": ${why}`, { cause: error });
  }
}

/**
 * Makes a GET and follows redirects to the same host, as kubelets do: one that leads elsewhere is
 * the answer itself. Fails as {@linkcode httpGet}.
 */
export async function followingGet(
  request: HttpGetRequest,
  options: AbortOptions & { readonly dial: Dial },
): Promise<HttpAnswer> {
  let next = request;
  for (let made = 0; made < mostRedirects; made++) {
    const answer = await httpGet(next, options);
    const redirected = redirectedRequest(next, answer);
    if (redirected === undefined) return answer;
    next = redirected;
  }
  throw new Error(
    `Get "${requestUrl(next)}": stopped after ${mostRedirects} redirects`,
  );
}

/** Connects, with the messages of Go where that fails. */
export async function dialServer(
  dial: Dial,
  address: ServerAddress,
  { signal }: AbortOptions,
): Promise<DuplexStream> {
  try {
    return portStream(await dial(address, { signal }));
  } catch (error) {
    signal.throwIfAborted();
    if (isUnreachable(error)) throw error;
    const why = error instanceof Deno.errors.ConnectionRefused
      ? "connect: connection refused"
      : messageOf(error);
    throw new Error(`dial tcp ${addressText(address)}: ${why}`, {
      cause: error,
    });
  }
}

/** `host:port`, with brackets about IPv6. */
export function addressText({ host, port }: ServerAddress): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

async function exchange(
  request: HttpGetRequest,
  { dial, signal }: AbortOptions & { readonly dial: Dial },
): Promise<HttpAnswer> {
  const plain = await dialServer(dial, request, { signal });
  const serverName = isIP(request.host) === 0 ? request.host : undefined;
  const stream = request.scheme === "https"
    ? await securedStream(plain, {
      ...(serverName !== undefined && { serverName }),
      signal,
    })
    : plain;
  const connection = new HttpConnection(stream);
  try {
    return await abortable(receive(stream, connection, request), { signal });
  } finally {
    connection.destroy();
  }
}

async function receive(
  stream: DuplexStream,
  connection: HttpConnection,
  request: HttpGetRequest,
): Promise<HttpAnswer> {
  await stream.write(requestHead(request));
  const head = await connection.readHead();
  if (head === undefined) throw new Error("EOF");
  const { status, headers } = head;
  const body = connection.body(head, { method: "GET", path: request.path });
  const location = headers.get("location");
  return {
    status,
    body: await bodyText(body),
    ...(location !== null && location !== "" && { location }),
  };
}

function requestHead(request: HttpGetRequest): Uint8Array {
  const { path, headers } = request;
  // The last one counts, as where Go's Header is read; it stands in front.
  const host = headers.find(({ name }) => name.toLowerCase() === "host");
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: ${host?.value || addressText(request)}`,
    ...headers.filter((header) => header !== host)
      .map(({ name, value }) => `${name}: ${value}`),
    "Connection: close",
  ];
  if (lines.some((line) => /[\r\n]/.test(line))) {
    throw new Error("net/http: invalid header field value");
  }
  return new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`);
}

async function bodyText(body: BodySource): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for (let left = maxBodyBytes; left > 0;) {
    const chunk = await body.read();
    if (chunk === undefined) break;
    text += decoder.decode(chunk.subarray(0, left), { stream: true });
    left -= chunk.length;
  }
  return text + decoder.decode();
}

/** Where to go on to; undefined where the answer is the last one. */
function redirectedRequest(
  request: HttpGetRequest,
  { status, location }: HttpAnswer,
): HttpGetRequest | undefined {
  if (!redirects.includes(status) || location === undefined) return undefined;
  const to = URL.parse(location, requestUrl(request));
  if (to === null) {
    throw new Error(
      `Get "${requestUrl(request)}": failed to parse Location header ${
        JSON.stringify(location)
      }`,
    );
  }
  const host = to.hostname.replace(/^\[(.*)\]$/, "$1");
  const isHttp = to.protocol === "http:" || to.protocol === "https:";
  if (!isHttp || host !== request.host.toLowerCase()) return undefined;
  const scheme = to.protocol === "https:" ? "https" : "http";
  const isRelative = URL.parse(location) === null;
  return {
    scheme,
    host: request.host,
    port: to.port === "" ? defaultPort(scheme) : Number(to.port),
    path: to.pathname + to.search,
    // Go keeps a Host of its own only where the redirect names no host.
    headers: request.headers.filter(({ name }) =>
      isRelative || name.toLowerCase() !== "host"
    ),
  };
}

function defaultPort(scheme: "http" | "https"): number {
  return scheme === "https" ? 443 : 80;
}

/** As Go prints the URL of a request. */
function requestUrl(request: HttpGetRequest): string {
  return `${request.scheme}://${addressText(request)}${request.path}`;
}

/** A path with its query, as it goes over the wire: `?` and `%41` stay, blanks are encoded. */
function encodedPath(path: string): string {
  const url = URL.parse(
    path.startsWith("/") ? path : `/${path}`,
    "http://pod",
  );
  return url === null ? "/" : url.pathname + url.search;
}
