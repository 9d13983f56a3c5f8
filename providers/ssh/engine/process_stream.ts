import type { DuplexStream } from "../../../async/byte_stream.ts";
import type { RemoteProcess } from "../host.ts";

/** The standard streams of a command on a host as one connection. */
export function processStream(process: RemoteProcess): DuplexStream {
  const reader = process.stdout.getReader();
  const writer = process.stdin.getWriter();
  let closed: Promise<void> | undefined;
  const close = () =>
    closed ??= Promise.resolve(process[Symbol.asyncDispose]());
  // What it says about its end is for nobody; unread, it would hold it up.
  const errors = process.stderr.cancel();
  errors.catch(() => undefined);
  return {
    async read() {
      try {
        const { done, value } = await reader.read();
        return done ? undefined : value;
      } catch {
        return undefined; // A lost connection is an end too.
      }
    },
    write: (bytes) => writer.write(bytes.slice()),
    async closeWrite() {
      await writer.close();
    },
    close,
    destroy() {
      close().catch(() => undefined); // It is gone either way.
    },
  };
}
