import { abortable, type AbortOptions } from "../../async/abort.ts";
import type { ServerAddress } from "../provider.ts";
import type { PortConnection } from "../runtime.ts";

/** Connects to a TCP server as this machine sees it. Aborting drops the connection. */
export async function connectTcp(
  { host: hostname, port }: ServerAddress,
  { signal }: AbortOptions,
): Promise<PortConnection> {
  const connecting = Deno.connect({ hostname, port });
  try {
    return portConnection(await abortable(connecting, { signal }), { signal });
  } catch (error) {
    // It may still come about, and nobody wants it.
    connecting.then((conn) => conn.close(), () => undefined);
    throw error;
  }
}

function portConnection(
  conn: Deno.TcpConn,
  { signal }: AbortOptions,
): PortConnection {
  let open = 2;
  let closed = false;
  function drop(): void {
    if (closed) return;
    closed = true;
    signal.removeEventListener("abort", drop);
    conn.close();
  }
  function ended(): void {
    if (--open === 0) drop();
  }
  signal.addEventListener("abort", drop, { once: true });
  if (signal.aborted) drop();
  const buffer = new Uint8Array(64 * 1024);
  return {
    readable: new ReadableStream({
      async pull(controller) {
        try {
          const size = await conn.read(buffer);
          if (size !== null) return controller.enqueue(buffer.slice(0, size));
        } catch (error) {
          drop();
          throw signal.aborted ? signal.reason : error;
        }
        ended();
        controller.close();
      },
      cancel: drop,
    }, { highWaterMark: 0 }),
    writable: new WritableStream({
      async write(chunk) {
        for (let at = 0; at < chunk.length;) {
          at += await conn.write(chunk.subarray(at));
        }
      },
      async close() {
        await conn.closeWrite();
        ended();
      },
      abort: drop,
    }),
  };
}
