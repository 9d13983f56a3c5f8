import type { DuplexStream } from "../async/byte_stream.ts";
import type { PortConnection } from "../providers/runtime.ts";

/** A connection to a port as a stream of bytes; who has it destroys it. */
export function portStream(
  { readable, writable }: PortConnection,
): DuplexStream {
  const reader = readable.getReader();
  const writer = writable.getWriter();
  // Whoever reads or writes is told.
  reader.closed.catch(() => undefined);
  writer.closed.catch(() => undefined);
  let ended: Promise<void> | undefined;
  function closeWrite(): Promise<void> {
    ended ??= writer.close().catch(() => undefined); // gone already
    return ended;
  }
  function destroy(): void {
    // Both have ended already where this fails.
    writer.abort().catch(() => undefined);
    reader.cancel().catch(() => undefined);
  }
  return {
    async read() {
      const { value } = await reader.read();
      return value;
    },
    write: (bytes) => writer.write(bytes),
    closeWrite,
    async close() {
      await closeWrite();
      destroy();
    },
    destroy,
  };
}
