/** For tests: a server that says exactly what it is told, byte by byte. */
import {
  closeConn,
  closeWrite,
  connStream,
  type DuplexStream,
  PushbackStream,
} from "../../../async/byte_stream.ts";
import { readHead } from "../../../async/http_head.ts";

/** A connection as the server sees it. */
export interface RawConnection {
  /** The next request's first line, and its body if its length is given; undefined at the end. */
  request(): Promise<string | undefined>;
  /** Everything that still comes. */
  rest(): Promise<string>;
  write(text: string): Promise<void>;
  close(): void;
}

/** Listens, and gives each connection to the script of its number. */
export class RawServer implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #conns = new Set<Deno.Conn>();
  readonly #served: Promise<void>;
  readonly #sessions: Promise<void>[] = [];
  /** How many connections were made. */
  dials = 0;

  constructor(
    script: (connection: RawConnection, index: number) => Promise<void>,
  ) {
    this.#served = this.#serve(script);
  }

  readonly dial = async (): Promise<DuplexStream> => {
    this.dials++;
    const { port } = this.#listener.addr as Deno.NetAddr;
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    this.#conns.add(conn);
    return { ...connStream(conn), closeWrite: () => closeWrite(conn) };
  };

  async #serve(
    script: (connection: RawConnection, index: number) => Promise<void>,
  ): Promise<void> {
    let index = 0;
    for await (const conn of this.#listener) {
      this.#conns.add(conn);
      const session = script(rawConnection(conn), index++);
      // Who drops the connection ends the script of it.
      this.#sessions.push(session.catch(() => undefined));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const conn of this.#conns) closeConn(conn);
    await this.#served;
    await Promise.all(this.#sessions);
  }
}

function rawConnection(conn: Deno.Conn): RawConnection {
  const stream = new PushbackStream(connStream(conn));
  const decoder = new TextDecoder();
  return {
    async request() {
      const result = await readHead(stream);
      if (result.kind !== "head") return undefined;
      const { method, target, headers } = result.head;
      let left = Number(headers.get("content-length") ?? 0);
      let body = "";
      while (left > 0) {
        const chunk = await stream.read();
        if (chunk === undefined) break;
        body += decoder.decode(chunk);
        left -= chunk.length;
      }
      return `${method} ${target}${body && ` ${body}`}`;
    },
    async rest() {
      let text = "";
      for (;;) {
        const chunk = await stream.read();
        if (chunk === undefined) return text;
        text += decoder.decode(chunk);
      }
    },
    write: (text) => stream.write(new TextEncoder().encode(text)),
    close: () => closeConn(conn),
  };
}
