import type { PortConnection } from "../../providers/runtime.ts";

/** A TCP server on loopback, for tests. */
export interface TestPort extends AsyncDisposable {
  readonly port: number;
  /** How many connections are open now. */
  readonly open: number;
  /** Resolves once `open` is `count`. */
  untilOpen(count: number): Promise<void>;
}

/** Serves every connection with `handle`, and closes it afterwards. */
export function testPort(
  handle: (conn: Deno.TcpConn) => Promise<void>,
): TestPort {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections = new Set<Deno.Conn>();
  let changed = Promise.withResolvers<void>();
  const wake = () => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  const serve = async (conn: Deno.TcpConn) => {
    connections.add(conn);
    wake();
    await handle(conn).catch(() => undefined); // the other side may go
    close(conn);
    connections.delete(conn);
    wake();
  };
  const accepting = (async () => {
    const served: Promise<void>[] = [];
    for await (const conn of listener) served.push(serve(conn));
    await Promise.all(served);
  })();
  return {
    port: (listener.addr as Deno.NetAddr).port,
    get open() {
      return connections.size;
    },
    async untilOpen(count) {
      while (connections.size !== count) await changed.promise;
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      connections.forEach(close);
      await accepting;
    },
  };
}

/** Sends back what comes, and ends when the other side has ended. */
export async function echo(conn: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  for (;;) {
    const count = await conn.read(buffer);
    if (count === null) return await conn.closeWrite();
    for (let sent = 0; sent < count;) {
      sent += await conn.write(buffer.subarray(sent, count));
    }
  }
}

/** Connects to a port of this machine as a provider does to a pod's. */
export async function connectLocally(port: number): Promise<PortConnection> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  let ends = 0;
  const ended = () => {
    if (++ends === 2) close(conn);
  };
  return {
    readable: new ReadableStream({
      async pull(controller) {
        const buffer = new Uint8Array(64 * 1024);
        const count = await conn.read(buffer);
        if (count !== null) return controller.enqueue(buffer.slice(0, count));
        controller.close();
        ended();
      },
      cancel: () => close(conn),
    }, { highWaterMark: 0 }),
    writable: new WritableStream({
      async write(bytes) {
        for (let sent = 0; sent < bytes.length;) {
          sent += await conn.write(bytes.subarray(sent));
        }
      },
      async close() {
        await conn.closeWrite();
        ended();
      },
      abort: () => close(conn),
    }),
  };
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // closed before
  }
}
