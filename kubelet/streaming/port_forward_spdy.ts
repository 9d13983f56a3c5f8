import type { AbortOptions } from "../../async/abort.ts";
import { delay } from "../../async/delay.ts";
import { getLogger } from "../../async/log.ts";
import { TaskGroup } from "../../async/task_group.ts";
import {
  type ConnectPort,
  defaultCreationTimeout,
  defaultStreamIdleTimeout,
  forwardPort,
  type PortForwardOptions,
  tell,
  untilIdle,
} from "./port_forward.ts";
import type { SpdySession, SpdyStream } from "./spdy_session.ts";

/** A forward of which the client has not opened both streams yet. */
interface Pending {
  readonly requestId: string;
  data?: SpdyStream;
  error?: SpdyStream;
  readonly complete: AbortController;
}

const log = getLogger("kubelet");

/**
 * Serves the protocol `portforward.k8s.io` on a session, which it runs and closes: two streams
 * for each connection to a port. Resolves when the client has left or was idle for too long, or
 * when aborted; then every connection is dropped.
 */
export async function servePortForwardSpdy(
  session: SpdySession,
  connect: ConnectPort,
  options: PortForwardOptions,
): Promise<void> {
  const { streamIdleTimeout = defaultStreamIdleTimeout } = options;
  await using forwards = new TaskGroup(options.signal);
  forwards.spawn((signal) => runSession(session, { signal }));
  forwards.spawn(async (signal) => {
    await untilIdle(() => session.lastActivityAt, streamIdleTimeout, {
      signal,
    });
    await session.close();
  });
  const pairing = new Pairing(connect, forwards, options);
  for (;;) {
    const stream = await session.accept();
    if (stream === undefined) return;
    await pairing.add(stream);
  }
}

/** A client that breaks the protocol has left as any other. */
async function runSession(
  session: SpdySession,
  { signal }: AbortOptions,
): Promise<void> {
  try {
    await session.run({ signal });
  } catch (error) {
    if (!signal.aborted) log.debug("Lost a port-forward client", { error });
  } finally {
    await session.close();
  }
}

/** Finds the streams that belong together, as cri-streaming's httpstream.go does. */
class Pairing {
  readonly #connect: ConnectPort;
  readonly #forwards: TaskGroup;
  readonly #options: PortForwardOptions;
  readonly #pending = new Map<string, Pending>();

  constructor(
    connect: ConnectPort,
    forwards: TaskGroup,
    options: PortForwardOptions,
  ) {
    this.#connect = connect;
    this.#forwards = forwards;
    this.#options = options;
  }

  async add(stream: SpdyStream): Promise<void> {
    const port = portOf(stream);
    const type = stream.headers.get("streamtype");
    if (port === undefined || (type !== "data" && type !== "error")) {
      log.debug("Refused a stream of a port-forward", { port, type });
      return await stream.reset();
    }
    const pending = this.#pairOf(stream, type);
    if (pending[type] !== undefined) {
      const { requestId, error } = pending;
      const why = `${requestId}: ${type} stream already assigned`;
      const message = `error processing stream for request ${why}`;
      if (error !== undefined) await tell(error, message);
      return await stream.reset();
    }
    pending[type] = stream;
    const { data, error } = pending;
    if (data === undefined || error === undefined) return;
    this.#pending.delete(pending.requestId);
    pending.complete.abort();
    this.#forwards.spawn(async (signal) => {
      // Its port counts, should the two differ: httpstream.go, portForward.
      const streams = { port: portOf(data) ?? port, data, error };
      const options = { ...this.#options, signal };
      await forwardPort(streams, this.#connect, options);
    });
    // Clients send nothing on it, but what nobody reads would hold up the session.
    this.#forwards.spawn(async () => {
      while (await error.read() !== undefined);
    });
  }

  #pairOf(stream: SpdyStream, type: "data" | "error"): Pending {
    // Old clients send no id, but open the error stream and right after it the data stream.
    const requestId = stream.headers.get("requestid") ??
      String(type === "error" ? stream.id : stream.id - 2);
    const known = this.#pending.get(requestId);
    if (known !== undefined) return known;
    const pending = { requestId, complete: new AbortController() };
    this.#pending.set(requestId, pending);
    this.#forwards.spawn((signal) => this.#expire(pending, { signal }));
    return pending;
  }

  async #expire(pending: Pending, { signal }: AbortOptions): Promise<void> {
    const { creationTimeout = defaultCreationTimeout } = this.#options;
    const complete = AbortSignal.any([signal, pending.complete.signal]);
    try {
      await delay(creationTimeout, { signal: complete });
    } catch {
      return; // aborted
    }
    const { requestId, data, error } = pending;
    this.#pending.delete(requestId);
    await data?.reset();
    if (error === undefined) return;
    await tell(error, `(request=${requestId}) timed out waiting for streams`);
    await error.end();
  }
}

function portOf({ headers }: SpdyStream): number | undefined {
  const text = headers.get("port") ?? "";
  const port = Number(text);
  return /^\d+$/.test(text) && port >= 1 && port <= 65535 ? port : undefined;
}
