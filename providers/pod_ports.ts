import type { AbortOptions } from "../async/abort.ts";
import type { PortConnection } from "./runtime.ts";

/** How long a listener listens. */
export interface ListenOptions extends AbortOptions {
  /** Aborts when the process behind the listener has ended, and with it its connections. */
  readonly over: AbortSignal;
}

interface Listener {
  readonly accept: ReadableStreamDefaultController<PortConnection>;
  readonly over: AbortSignal;
}

/** The ports of one pod, in memory. */
export class PodPorts {
  readonly #listeners = new Map<number, Listener>();

  /** The connections to a port, until aborted; throws `Deno.errors.AddrInUse` for a taken one. */
  listen(
    port: number,
    { signal, over }: ListenOptions,
  ): ReadableStream<PortConnection> {
    if (this.#listeners.has(port)) {
      throw new Deno.errors.AddrInUse(
        `Cannot listen on port ${port}: it is in use`,
      );
    }
    const listening = new AbortController();
    const close = () => {
      listening.abort();
      this.#listeners.delete(port);
    };
    return new ReadableStream<PortConnection>({
      start: (accept) => {
        const end = () => {
          close();
          accept.close();
        };
        if (signal.aborted || over.aborted) return end();
        const options = { once: true, signal: listening.signal };
        for (const each of [signal, over]) {
          each.addEventListener("abort", end, options);
        }
        this.#listeners.set(port, { accept, over });
      },
      cancel: close,
    }, { highWaterMark: backlog });
  }

  /** Connects to a port; throws `Deno.errors.ConnectionRefused` where nobody listens. */
  connect(port: number, { signal }: AbortOptions): PortConnection {
    signal.throwIfAborted();
    const listener = this.#listeners.get(port);
    if (listener === undefined || (listener.accept.desiredSize ?? 0) <= 0) {
      throw new Deno.errors.ConnectionRefused(
        `Cannot connect to port ${port}: connection refused, nobody listens`,
      );
    }
    const { client, server } = connection({ signal, over: listener.over });
    listener.accept.enqueue(server);
    return client;
  }
}

/** Linux's SOMAXCONN before 5.4: connections that nobody has accepted yet. */
const backlog = 128;

/** The two ends of a connection, which drops with `signal` and ends with the server. */
function connection({ signal, over }: ListenOptions) {
  const settled = new AbortController();
  let open = 2;
  const ended = () => {
    if (--open === 0) settled.abort();
  };
  const there = new Pipe(ended);
  const back = new Pipe(ended);
  const drop = (reason: unknown) => {
    settled.abort();
    there.drop(reason);
    back.drop(reason);
  };
  const options = { once: true, signal: settled.signal };
  signal.addEventListener("abort", () => drop(signal.reason), options);
  over.addEventListener("abort", () => {
    settled.abort();
    // What it wrote still arrives, as with a process that ends.
    back.end();
    there.drop(new Deno.errors.ConnectionReset("The program has ended"));
  }, options);
  return {
    client: { readable: back.readable, writable: there.writable(drop) },
    server: { readable: there.readable, writable: back.writable(drop) },
  };
}

/** One direction of a connection. */
class Pipe {
  readonly readable: ReadableStream<Uint8Array>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;

  /** @param ended Called once when nothing is written to it any more. */
  constructor(ended: () => void) {
    const { readable, writable } = new TransformStream<
      Uint8Array,
      Uint8Array
    >();
    this.readable = readable;
    this.#input = writable.getWriter();
    this.#input.closed.then(ended, ended);
  }

  /** Where one side writes; aborting it drops the whole connection. */
  writable(drop: (reason: unknown) => void): WritableStream<Uint8Array> {
    return new WritableStream<Uint8Array>({
      write: (chunk) => this.#input.write(chunk),
      close: () => this.#input.close(),
      abort: drop,
    });
  }

  /** Ends after what was written. */
  end(): void {
    // It has ended, or failed, already.
    this.#input.close().catch(() => undefined);
  }

  drop(reason: unknown): void {
    // As above.
    this.#input.abort(reason).catch(() => undefined);
  }
}
