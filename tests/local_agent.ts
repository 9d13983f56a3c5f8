import { join } from "node:path";
import { abortable, type AbortOptions } from "../async/abort.ts";
import { TestSession } from "../cli/test_session.ts";
import type { Pod } from "../k8s/types.ts";
import {
  type ByteStream,
  connStream,
  PushbackStream,
} from "../async/byte_stream.ts";
import { readHead, type RequestHead } from "../async/http_head.ts";
import type { ConnectPort } from "../kubelet/streaming/port_forward.ts";
import { servePortForwardSpdy } from "../kubelet/streaming/port_forward_spdy.ts";
import { SpdySession } from "../kubelet/streaming/spdy_session.ts";
import { WebSocketConnection } from "../kubelet/streaming/websocket.ts";
import { negotiateWebSocket } from "../kubelet/streaming/websocket_handshake.ts";

import {
  type FarletOptions,
  type FarletResult,
  runFarlet,
  type RunningFarlet,
  startFarlet,
} from "./farlet.ts";

/** What a {@linkcode LocalAgent} answers; what is absent is refused. */
export interface LocalAgentOptions {
  readonly pods: readonly Pod[];
  /** The log of a container, or why there is none. */
  readonly log?: (
    container: string,
    query: URLSearchParams,
  ) => ReadableStream<Uint8Array> | string;
  /** Serves an exec or attach; the session is closed afterwards. */
  readonly session?: (session: TestSession, url: URL) => Promise<void>;
  readonly connect?: ConnectPort;
}

/**
 * A kubelet API on a unix socket that does as a test says, down to the messages of a session. The
 * real one is tested with real clients elsewhere; here the clients are.
 */
export class LocalAgent implements AsyncDisposable {
  readonly socket: string;
  /** What was asked for, in order: `/pods`, `/exec/default/web/app?command=sh&…`. */
  readonly requests: string[] = [];
  readonly #dir: string;
  readonly #options: LocalAgentOptions;
  readonly #listener: Deno.UnixListener;
  readonly #streams = new Set<ByteStream>();
  readonly #served: Promise<void>[] = [];
  readonly #stop = new AbortController();

  static async start(options: LocalAgentOptions): Promise<LocalAgent> {
    return new LocalAgent(
      await Deno.makeTempDir({ prefix: "farlet-local-" }),
      options,
    );
  }

  private constructor(dir: string, options: LocalAgentOptions) {
    this.#dir = dir;
    this.#options = options;
    this.socket = join(dir, "agent.sock");
    this.#listener = Deno.listen({ transport: "unix", path: this.socket });
    this.#served.push(this.#accept());
  }

  /** Drops every connection, and takes no more. */
  kill(): void {
    this.#stop.abort();
    this.#listener.close();
    for (const stream of this.#streams) stream.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#stop.signal.aborted) this.kill();
    for (const served of this.#served) await served;
    await Deno.remove(this.#dir, { recursive: true });
  }

  async #accept(): Promise<void> {
    for await (const conn of this.#listener) {
      const stream = new PushbackStream(connStream(conn));
      this.#streams.add(stream);
      this.#served.push(this.#serve(stream));
    }
  }

  async #serve(stream: PushbackStream): Promise<void> {
    try {
      const read = await readHead(stream);
      if (read.kind === "head") await this.#answer(read.head, stream);
    } catch (error) {
      // The client has left; what a test expects of it, it says.
      if (!(error instanceof Error)) throw error;
    } finally {
      await stream.close();
      this.#streams.delete(stream);
    }
  }

  async #answer(head: RequestHead, stream: ByteStream): Promise<void> {
    const url = new URL(head.target, "http://localhost");
    this.requests.push(url.pathname + url.search);
    const [route = "", , , container = ""] = url.pathname.slice(1).split("/");
    const { pods, log, session, connect } = this.#options;
    const { signal } = this.#stop;
    const bad = { signal, status: "400 Bad Request" };
    switch (route) {
      case "pods":
        return await respond(stream, JSON.stringify({ items: pods }), {
          signal,
        });
      case "containerLogs": {
        const found = log?.(container, url.searchParams) ?? "no logs";
        if (typeof found !== "string") {
          return await respond(stream, found, { signal });
        }
        return await respond(stream, found, bad);
      }
      case "exec":
      case "attach": {
        const accepted = negotiateWebSocket(head, ["v5.channel.k8s.io"]);
        if (accepted.kind === "refused" || session === undefined) {
          return await respond(stream, "refused", bad);
        }
        await stream.write(accepted.response);
        const connection = new WebSocketConnection(stream, { role: "server" });
        await session(new TestSession(connection), url);
        return await connection.close();
      }
      case "portForward":
        if (connect === undefined) {
          return await respond(stream, "refused", bad);
        }
        await stream.write(
          new TextEncoder().encode(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\nX-Stream-Protocol-Version: portforward.k8s.io\r\n\r\n",
          ),
        );
        return await servePortForwardSpdy(
          new SpdySession(stream, { role: "server" }),
          connect,
          { pod: "web", signal },
        );
      default:
        return await respond(stream, "404 page not found", {
          signal,
          status: "404 Not Found",
        });
    }
  }
}

const web: Pod = {
  metadata: { namespace: "default", name: "web" },
  spec: { containers: [{ name: "app" }] },
  status: { phase: "Running" },
};
const pair: Pod = {
  metadata: { namespace: "default", name: "pair" },
  spec: {
    initContainers: [{ name: "setup" }],
    containers: [{ name: "a" }, { name: "b" }],
  },
  status: { phase: "Running" },
};
const done: Pod = {
  metadata: { namespace: "other", name: "done" },
  spec: { containers: [{ name: "app" }] },
  status: { phase: "Succeeded" },
};

/** An agent with the pods `web` (container `app`), `pair` (`setup`, `a`, `b`) and `other/done`. */
export async function startAgent(
  options: Omit<LocalAgentOptions, "pods">,
): Promise<LocalAgent> {
  return await LocalAgent.start({ pods: [web, pair, done], ...options });
}

/** Runs farlet against the agent to its end. */
export async function runAgainst(
  agent: LocalAgent,
  args: readonly string[],
  options: FarletOptions = {},
): Promise<FarletResult> {
  return await runFarlet(args, { ...options, env: environment(agent) });
}

/** Starts farlet against the agent. */
export function startAgainst(
  agent: LocalAgent,
  args: readonly string[],
): RunningFarlet {
  return startFarlet(args, { env: environment(agent) });
}

function environment({ socket }: LocalAgent) {
  return { FARLET_SOCKET: socket };
}

/** In chunks, so that the client can tell the end from a broken connection. */
async function respond(
  stream: ByteStream,
  body: string | ReadableStream<Uint8Array>,
  { status = "200 OK", signal }: AbortOptions & { readonly status?: string },
): Promise<void> {
  const encode = (text: string) => new TextEncoder().encode(text);
  const headers = "Connection: close\r\nTransfer-Encoding: chunked";
  await stream.write(encode(`HTTP/1.1 ${status}\r\n${headers}\r\n\r\n`));
  const reader = typeof body === "string"
    ? ReadableStream.from([encode(body)]).getReader()
    : body.getReader();
  for (;;) {
    const { done, value } = await abortable(reader.read(), { signal });
    if (done) break;
    await stream.write(encode(`${value.length.toString(16)}\r\n`));
    await stream.write(value);
    await stream.write(encode("\r\n"));
  }
  await stream.write(encode("0\r\n\r\n"));
}
