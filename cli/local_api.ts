import { basename, join } from "node:path";
import type { AbortOptions } from "../async/abort.ts";
import { messageOf } from "../async/message_of.ts";
import type { Environment } from "../config_settings.ts";
import type { Pod } from "../k8s/types.ts";
import {
  type ByteStream,
  connStream,
  PushbackStream,
} from "../async/byte_stream.ts";
import { readResponseHead } from "../async/http_head.ts";
import { notFound, ServerError } from "./server_error.ts";

/** The names of the sockets of `farlet run`, in its state directory. */
export const runSocketName = /^run-\d+\.sock$/;

/** What goes behind the `?`: a list gives its name more than once, undefined is left out. */
export type LocalQuery = Readonly<
  Record<
    string,
    string | number | boolean | readonly string[] | undefined
  >
>;

/** Where {@linkcode LocalApi.find} looks. */
export interface FindOptions extends AbortOptions {
  /** The socket that the user named; else `FARLET_SOCKET`, else what is found in `stateDir`. */
  readonly socket?: string | undefined;
  readonly env: Environment;
  readonly stateDir: string;
}

/** A request to switch protocols, and its answer. */
export interface Upgraded {
  /** Always 101. */
  readonly status: number;
  readonly headers: Headers;
  /** What follows the answer's head; whoever has it closes it. */
  readonly stream: ByteStream;
}

/**
 * The kubelet API of an agent on this machine, over its unix socket.
 *
 * What the agent refuses is a {@linkcode ServerError}, in kubectl's words.
 */
export class LocalApi implements Disposable {
  /** The path of the socket. */
  readonly socket: string;
  readonly #client: Deno.HttpClient;

  constructor(socket: string) {
    this.socket = socket;
    this.#client = Deno.createHttpClient({
      proxy: { transport: "unix", path: socket },
    });
  }

  /**
   * The agent of this machine: the named socket; else the one of `farlet serve`, if that runs;
   * else the one of the only `farlet run`.
   *
   * @throws When none or several run.
   */
  static async find(
    { socket, env, stateDir, signal }: FindOptions,
  ): Promise<LocalApi> {
    const named = socket ?? (env["FARLET_SOCKET"] || undefined);
    if (named !== undefined) {
      await connect(named).then((conn) => conn.close());
      return new LocalApi(named);
    }
    const agent = join(stateDir, "agent.sock");
    if (await answers(agent)) return new LocalApi(agent);
    const runs: string[] = [];
    for (const path of await runSockets(stateDir)) {
      signal.throwIfAborted();
      if (await answers(path)) runs.push(path);
    }
    const [only, ...others] = runs;
    if (only === undefined) {
      throw new Error(
        `No agent runs here: nothing answers on ${agent}, nor does a "farlet run" in that directory; name its socket with --socket, or its state directory with FARLET_STATE_DIR`,
      );
    }
    if (others.length > 0) {
      throw new Error(
        `Several agents run here; choose one with --socket: ${runs.join(", ")}`,
      );
    }
    return new LocalApi(only);
  }

  /**
   * Sends a request; the body streams, at the reader's pace.
   *
   * @param path Such as `/pods`, its parts escaped.
   * @throws {ServerError} When the answer is not one of success.
   */
  async fetch(
    path: string,
    { method = "GET", query, signal }: AbortOptions & {
      readonly method?: string;
      readonly query?: LocalQuery;
    },
  ): Promise<Response> {
    let response;
    try {
      response = await fetch(`http://localhost${target(path, query)}`, {
        client: this.#client,
        method,
        signal,
      });
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      throw new Error(`Cannot reach the agent at ${this.socket}`, { cause });
    }
    if (response.ok) return response;
    const text = await response.text();
    throw ServerError.fromResponse(response.status, text);
  }

  /** Reads JSON. */
  async get<T>(
    path: string,
    options: AbortOptions & { readonly query?: LocalQuery },
  ): Promise<T> {
    return await (await this.fetch(path, options)).json() as T;
  }

  /** Every pod of the agent. */
  async pods(options: AbortOptions): Promise<readonly Pod[]> {
    return (await this.get<{ readonly items?: readonly Pod[] }>(
      "/pods",
      options,
    )).items ?? [];
  }

  /** @throws {ServerError} `pods "x" not found`, when there is none. */
  async pod(
    { namespace, name }: { readonly namespace: string; readonly name: string },
    options: AbortOptions,
  ): Promise<Pod> {
    const found = (await this.pods(options)).filter(({ metadata }) =>
      metadata?.name === name && metadata.namespace === namespace
    );
    const createdAt = ({ metadata }: Pod) => metadata?.creationTimestamp ?? "";
    const [newest] = found.toSorted((a, b) =>
      createdAt(a) < createdAt(b) ? 1 : -1
    );
    if (newest === undefined) throw notFound("pods", name);
    return newest;
  }

  /**
   * Asks to switch protocols, on a connection of its own.
   *
   * @param options.headers With `Upgrade`; `Host` and `Connection` are added.
   * @throws {ServerError} When the agent answers anything but 101.
   */
  async upgrade(
    path: string,
    { method = "GET", query, headers, signal }: AbortOptions & {
      readonly method?: "GET" | "POST";
      readonly query?: LocalQuery;
      readonly headers: Readonly<Record<string, string>>;
    },
  ): Promise<Upgraded> {
    const conn = await connect(this.socket);
    const stream = new PushbackStream(connStream(conn));
    const destroy = () => stream.destroy();
    signal.addEventListener("abort", destroy, { once: true });
    try {
      signal.throwIfAborted();
      const lines = Object.entries({
        Host: "localhost",
        Connection: "Upgrade",
        ...headers,
      }).map(([name, value]) => `${name}: ${value}\r\n`).join("");
      const first = `${method} ${target(path, query)} HTTP/1.1\r\n`;
      await stream.write(new TextEncoder().encode(`${first}${lines}\r\n`));
      const answer = await readResponseHead(stream);
      if (answer === undefined) {
        throw new Error(`The agent at ${this.socket} gave no answer`);
      }
      const { status, headers: answered } = answer;
      if (status === 101) return { status, headers: answered, stream };
      throw ServerError.fromResponse(status, await textOf(stream, answered));
    } catch (error) {
      stream.destroy();
      throw signal.aborted ? signal.reason : error;
    } finally {
      signal.removeEventListener("abort", destroy);
    }
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

function target(path: string, query: LocalQuery = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    const values = Array.isArray(value) ? value : [value];
    for (const each of values) parameters.append(name, String(each));
  }
  return parameters.size === 0 ? path : `${path}?${parameters}`;
}

/** The body of a refusal: as long as it says, or until the end; at most 64 KiB matter. */
async function textOf(
  body: ByteStream,
  headers: Headers,
): Promise<string> {
  const decoder = new TextDecoder();
  const length = Math.min(
    Number(headers.get("content-length") ?? Infinity),
    64 * 1024,
  );
  let text = "";
  for (let bytes = 0; bytes < length;) {
    const chunk = await body.read();
    if (chunk === undefined) break;
    bytes += chunk.length;
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

async function connect(path: string): Promise<Deno.Conn> {
  try {
    return await Deno.connect({ transport: "unix", path });
  } catch (cause) {
    throw new Error(`No agent runs here: nothing answers on ${path}`, {
      cause,
    });
  }
}

/** Whether somebody listens there. */
async function answers(path: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new Error(
        `Cannot reach the agent at ${path}: it belongs to another user`,
        { cause: error },
      );
    }
    return false; // no such file, or left behind by an agent that died
  }
}

/** The sockets of `farlet run`, of dead ones too. */
async function runSockets(stateDir: string): Promise<readonly string[]> {
  const paths: string[] = [];
  try {
    for await (const { name } of Deno.readDir(stateDir)) {
      if (runSocketName.test(name)) paths.push(join(stateDir, name));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) {
      throw new Error(
        `Cannot look for agents in ${stateDir}: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }
  return paths.toSorted((a, b) => basename(a).localeCompare(basename(b)));
}
