import type { GuestInput, OpenFile } from "./descriptors.ts";
import { errno, fail } from "./errno.ts";
import type { Span } from "./guest_memory.ts";
import { type GuestSocket, SocketTransfers } from "./guest_sockets.ts";
import type { WasiFunctions, WasiHost } from "./wasi_host.ts";
import { andThen } from "./wasi_sockets.ts";

/** The functions that read and write, be it a file or a standard stream. */
export function streamFunctions({ memory, descriptors, net }: WasiHost) {
  function readFile(
    { file, readable }: OpenFile,
    spans: readonly Span[],
    position: number,
  ): number {
    if (!readable) fail(errno.badf);
    return eachSpan(spans, (bytes, done) => file.read(bytes, position + done));
  }

  function writeFile(
    { file, writable }: OpenFile,
    spans: readonly Span[],
    position: number,
  ): number {
    if (!writable) fail(errno.badf);
    return eachSpan(spans, (bytes, done) => file.write(bytes, position + done));
  }

  /** Transfers span after span until one is not done in full. */
  function eachSpan(
    spans: readonly Span[],
    transfer: (bytes: Uint8Array<ArrayBuffer>, done: number) => number,
  ): number {
    let done = 0;
    for (const { start, length } of spans) {
      const count = transfer(memory.slice(start, length), done);
      done += count;
      if (count < length) break;
    }
    return done;
  }

  function takeInput(
    input: GuestInput,
    spans: readonly Span[],
    outCount: number,
  ): number {
    const [first] = spans;
    const bytes = input.take(first?.length ?? 0);
    if (first !== undefined) memory.bytes.set(bytes, first.start);
    return answer(outCount, bytes.length);
  }

  /** Without a network there is no socket. */
  function transfers(): SocketTransfers {
    return new SocketTransfers(net ?? fail(errno.notsock), memory);
  }

  function receive(
    socket: GuestSocket,
    spans: readonly Span[],
    outCount: number,
  ): number | Promise<number> {
    memory.span(outCount, 4);
    return andThen(
      transfers().receive(socket, spans, 0),
      ({ count }) => answer(outCount, count),
    );
  }

  function answer(outCount: number, count: number): number {
    memory.setUint32(outCount, count);
    return errno.success;
  }

  return {
    fd_read(
      fd: number,
      vector: number,
      count: number,
      outCount: number,
    ): number | Promise<number> {
      const descriptor = descriptors.get(fd);
      const spans = memory.vector(vector, count);
      switch (descriptor.kind) {
        case "directory":
        case "output":
          return errno.badf;
        case "socket":
          return receive(descriptor, spans, outCount);
        case "file": {
          const done = readFile(descriptor, spans, descriptor.position);
          descriptor.position += done;
          return answer(outCount, done);
        }
        case "input": {
          const { input, nonBlocking } = descriptor;
          if (input.ready) return takeInput(input, spans, outCount);
          if (nonBlocking) return errno.again;
          return input.untilReady()
            .then(() => takeInput(input, spans, outCount));
        }
      }
    },
    fd_write(
      fd: number,
      vector: number,
      count: number,
      outCount: number,
    ): number | Promise<number> {
      const descriptor = descriptors.get(fd);
      const spans = memory.vector(vector, count);
      switch (descriptor.kind) {
        case "directory":
        case "input":
          return errno.badf;
        case "socket":
          memory.span(outCount, 4);
          return andThen(
            transfers().send(descriptor, spans),
            (sent) => answer(outCount, sent),
          );
        case "output":
          return answer(outCount, eachSpan(spans, descriptor.output));
        case "file": {
          if (descriptor.append) {
            descriptor.position = Number(descriptor.file.stat().size);
          }
          const done = writeFile(descriptor, spans, descriptor.position);
          descriptor.position += done;
          return answer(outCount, done);
        }
      }
    },
    fd_pread(
      fd: number,
      vector: number,
      count: number,
      position: bigint,
      outCount: number,
    ): number {
      if (descriptors.get(fd).kind === "output") return errno.badf;
      const file = descriptors.seekable(fd);
      const spans = memory.vector(vector, count);
      return answer(outCount, readFile(file, spans, Number(position)));
    },
    fd_pwrite(
      fd: number,
      vector: number,
      count: number,
      position: bigint,
      outCount: number,
    ): number {
      const file = descriptors.seekable(fd);
      const spans = memory.vector(vector, count);
      return answer(outCount, writeFile(file, spans, Number(position)));
    },
  } satisfies Partial<WasiFunctions>;
}
