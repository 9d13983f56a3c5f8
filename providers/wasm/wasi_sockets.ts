import { errno, fail, WasiError } from "./errno.ts";
import {
  type GuestSocket,
  handleOf,
  SocketTransfers,
} from "./guest_sockets.ts";
import { optionOf } from "./socket_options.ts";
import { fdFlag, type WasiFunctions, type WasiHost } from "./wasi_host.ts";

/** The functions for sockets that preview 1 itself has. */
export function socketFunctions(host: WasiHost) {
  const { memory, descriptors, net } = host;

  function find(fd: number) {
    const socket = descriptors.socket(fd);
    // Without a network there is no socket either.
    if (net === undefined) return fail(errno.notsock);
    const transfers = new SocketTransfers(net, memory);
    return { socket, sockets: net.sockets, transfers };
  }

  return {
    /** In WasmEdge's first version, the flags are missing. */
    sock_accept(
      fd: number,
      ...[second, third]: readonly [number, number?]
    ): number | Promise<number> {
      const { socket, sockets, transfers } = find(fd);
      const [flags, out] = third === undefined ? [0, second] : [second, third];
      if ((flags & ~fdFlag.nonBlock) !== 0) fail(errno.inval);
      memory.span(out, 4);
      if (socket.type !== "stream") fail(errno.notsup);

      function take(): number {
        const handle = acceptFirst(socket, (each) => sockets.accept(each));
        sockets.setOption(handle, optionOf.noDelay, one);
        const accepted: GuestSocket = {
          kind: "socket",
          handles: [handle],
          type: "stream",
          family: socket.family,
          preopened: false,
          state: "connected",
          nonBlocking: (flags & fdFlag.nonBlock) > 0,
          receiveTimeout: 0,
          sendTimeout: 0,
        };
        memory.setUint32(out, addOrClose(host, accepted));
        return errno.success;
      }

      return transfers.whenReady(socket, "read", take);
    },
    sock_recv(
      fd: number,
      vector: number,
      count: number,
      flags: number,
      outCount: number,
      outFlags: number,
    ): number | Promise<number> {
      const { socket, transfers } = find(fd);
      if ((flags & ~3) !== 0) fail(errno.inval);
      memory.span(outCount, 4);
      memory.span(outFlags, 2);
      const spans = memory.vector(vector, count);
      return andThen(
        transfers.receive(socket, spans, flags),
        ({ count, cutOff }) => {
          memory.setUint32(outCount, count);
          memory.setUint16(outFlags, cutOff ? 1 : 0);
          return errno.success;
        },
      );
    },
    sock_send(
      fd: number,
      vector: number,
      count: number,
      flags: number,
      outCount: number,
    ): number | Promise<number> {
      const { socket, transfers } = find(fd);
      if (flags !== 0) fail(errno.inval);
      memory.span(outCount, 4);
      const spans = memory.vector(vector, count);
      return andThen(transfers.send(socket, spans), (sent) => {
        memory.setUint32(outCount, sent);
        return errno.success;
      });
    },
    sock_shutdown(fd: number, how: number): number {
      const { socket, sockets } = find(fd);
      const name = ([undefined, "read", "write", "both"] as const)[how];
      sockets.shutdown(handleOf(socket), name ?? fail(errno.inval));
      return errno.success;
    },
  } satisfies Partial<WasiFunctions>;
}

/** Gives a new socket a number, and closes it where there is none left. */
export function addOrClose(
  { descriptors, net }: WasiHost,
  socket: GuestSocket,
): number {
  try {
    return descriptors.add(socket);
  } catch (error) {
    net?.sockets.close(handleOf(socket));
    throw error;
  }
}

/** Goes on with a result that may come later. */
export function andThen<Value, Result>(
  value: Value | Promise<Value>,
  next: (value: Value) => Result,
): Result | Promise<Result> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** Takes a connection from the first of a listener's sockets that has one. */
function acceptFirst(
  { handles }: GuestSocket,
  accept: (handle: number) => number,
): number {
  for (const handle of handles.slice(0, -1)) {
    try {
      return accept(handle);
    } catch (error) {
      if (!(error instanceof WasiError) || error.errno !== errno.again) {
        throw error;
      }
    }
  }
  return accept(handles.at(-1) ?? fail(errno.badf));
}

const one = new Uint8Array([1, 0, 0, 0]);
