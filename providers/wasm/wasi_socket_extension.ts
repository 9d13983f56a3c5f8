import { errno, errnoOf, fail } from "./errno.ts";
import {
  familyByNumber,
  readAddress,
  writeAddress,
} from "./guest_addresses.ts";
import {
  type GuestNet,
  type GuestSocket,
  handleOf,
  SocketTransfers,
} from "./guest_sockets.ts";
import type { OpenPort } from "./open_ports.ts";
import { familyOf, type SocketAddress } from "./socket_address.ts";
import { optionOf, readOption, writeOption } from "./socket_options.ts";
import type { WasiFunctions, WasiHost } from "./wasi_host.ts";
import { addOrClose, andThen } from "./wasi_sockets.ts";

/**
 * The functions for sockets that WasmEdge has added to preview 1, in both of its versions, which
 * differ in how many parameters they have. What the pod does not allow fails with `EACCES`.
 */
export function socketExtension(host: WasiHost) {
  const { memory, descriptors } = host;

  function network(): GuestNet {
    return host.net ?? fail(errno.acces);
  }

  function find(fd: number) {
    const socket = descriptors.socket(fd);
    const net = network();
    return { socket, net, transfers: new SocketTransfers(net, memory) };
  }

  function answerAddress(
    found: SocketAddress | undefined,
    pointer: number,
    outs: readonly [number, number?],
  ): number {
    const { ip, port } = found ?? fail(errno.notconn);
    const [type, outPort] = outs[1] === undefined ? [undefined, outs[0]] : outs;
    writeAddress(memory, pointer, ip);
    // WasmEdge's first version says 4 and 6 here, not the numbers of the families.
    if (type !== undefined) memory.setUint32(type, ip.includes(":") ? 6 : 4);
    memory.setUint32(outPort ?? 0, port);
    return errno.success;
  }

  return {
    sock_open(family: number, type: number, out: number): number {
      const known = familyByNumber(family);
      const kind = ([undefined, "datagram", "stream"] as const)[type] ??
        fail(errno.prototype);
      memory.span(out, 4);
      const { sockets } = network();
      const handle = sockets.open(known, kind);
      if (kind === "stream") sockets.setOption(handle, optionOf.noDelay, one);
      const socket: GuestSocket = {
        kind: "socket",
        handles: [handle],
        type: kind,
        family: known,
        preopened: false,
        state: "new",
        nonBlocking: false,
        receiveTimeout: 0,
        sendTimeout: 0,
      };
      memory.setUint32(out, addOrClose(host, socket));
      return errno.success;
    },
    sock_bind(fd: number, address: number, port: number): number {
      const { socket, net } = find(fd);
      const wanted = readAddress(memory, address, port);
      if (socket.state !== "new" || socket.port !== undefined) {
        fail(errno.inval);
      }
      const declared = declaredPort(wanted, net.ports);
      if (socket.type === "stream" && declared !== undefined) {
        socket.port = declared;
        return errno.success;
      }
      // Any port at any address is what a socket gets that is not bound.
      return wanted.port === 0 && isAny(wanted.ip)
        ? errno.success
        : errno.acces;
    },
    sock_listen(fd: number): number {
      const { socket, net } = find(fd);
      if (socket.type !== "stream") fail(errno.notsup);
      if (socket.state === "listening") return errno.success;
      if (socket.state === "connected") fail(errno.inval);
      const { port } = socket;
      if (port === undefined) return errno.acces;
      const { sockets } = net;
      // It listens already, since before this process gave up the right to.
      const handles = port.handles.map((handle) => sockets.duplicate(handle));
      sockets.close(handleOf(socket));
      socket.handles = handles;
      socket.state = "listening";
      return errno.success;
    },
    sock_connect(
      fd: number,
      address: number,
      port: number,
    ): number | Promise<number> {
      const { socket, net, transfers } = find(fd);
      const { sockets, names } = net;
      const to = readAddress(memory, address, port);
      const scheme = socket.type === "stream" ? "tcp" : "udp";
      if (!names.allowsAddress(to.ip, to.port, scheme)) return errno.acces;
      if (socket.state === "listening") fail(errno.notsup);
      checkFamily(socket, to);
      const handle = handleOf(socket);
      // Set before: a connection that is under way is one for all that follows.
      const connect = () => sockets.connect(handle, to, socket.family);
      const result = errnoFrom(connect);
      if (result === errno.success || result === errno.inprogress) {
        socket.state = "connected";
      }
      if (result !== errno.inprogress || socket.nonBlocking) return result;
      return transfers.untilReady(socket, "write").then(() => {
        const options = { sockets, length: 4 };
        const value = readOption(socket, socketError, options);
        return value[0] ?? errno.success;
      });
    },
    sock_getlocaladdr(
      fd: number,
      address: number,
      ...outs: readonly [number, number?]
    ): number {
      const { socket, net } = find(fd);
      const [declared] = socket.port?.addresses ?? [];
      const local = declared ?? net.sockets.localAddress(handleOf(socket));
      return answerAddress(local, address, outs);
    },
    sock_getpeeraddr(
      fd: number,
      address: number,
      ...outs: readonly [number, number?]
    ): number {
      const { socket, net } = find(fd);
      const peer = net.sockets.peerAddress(handleOf(socket));
      return answerAddress(peer, address, outs);
    },
    sock_getsockopt(
      fd: number,
      level: number,
      name: number,
      out: number,
      lengthOrPointer: number,
    ): number {
      const { socket, net: { sockets } } = find(fd);
      // WasmEdge wants a pointer to the length, Go's stealthrocket/net gives the length itself.
      const isLength = lengthOrPointer >>> 0 <= mostLength;
      const length = isLength
        ? lengthOrPointer
        : memory.getUint32(lengthOrPointer);
      const space = memory.slice(out, length);
      const option = { level, name };
      const value = readOption(socket, option, { sockets, length });
      space.set(value);
      if (!isLength) memory.setUint32(lengthOrPointer, value.length);
      return errno.success;
    },
    sock_setsockopt(
      fd: number,
      level: number,
      name: number,
      pointer: number,
      length: number,
    ): number {
      const { socket, net: { sockets } } = find(fd);
      const value = memory.slice(pointer, length);
      writeOption(socket, { level, name }, { sockets, value });
      return errno.success;
    },
    /** In WasmEdge's first version, the sender's port is missing. */
    sock_recv_from(
      fd: number,
      vector: number,
      count: number,
      address: number,
      flags: number,
      ...outs: readonly [number, number, number?]
    ): number | Promise<number> {
      const { socket, transfers } = find(fd);
      if ((flags & ~3) !== 0) fail(errno.inval);
      const [outPort, outCount, outFlags] = outs[2] === undefined
        ? [undefined, outs[0], outs[1]]
        : [outs[0], outs[1], outs[2]];
      for (const out of [outPort ?? outCount, outCount, outFlags]) {
        memory.span(out, 4);
      }
      const spans = memory.vector(vector, count);
      return andThen(
        transfers.receive(socket, spans, flags),
        ({ count, cutOff, from }) => {
          if (from !== undefined) {
            writeAddress(memory, address, from.ip);
            if (outPort !== undefined) memory.setUint32(outPort, from.port);
          }
          memory.setUint32(outCount, count);
          memory.setUint16(outFlags, cutOff ? 1 : 0);
          return errno.success;
        },
      );
    },
    sock_send_to(
      fd: number,
      vector: number,
      count: number,
      address: number,
      port: number,
      flags: number,
      outCount: number,
    ): number | Promise<number> {
      const { socket, net, transfers } = find(fd);
      if (flags !== 0) fail(errno.inval);
      if (socket.type === "stream") fail(errno.isconn);
      const to = readAddress(memory, address, port);
      if (!net.names.allowsAddress(to.ip, to.port, "udp")) return errno.acces;
      checkFamily(socket, to);
      memory.span(outCount, 4);
      const spans = memory.vector(vector, count);
      return andThen(transfers.send(socket, spans, to), (sent) => {
        memory.setUint32(outCount, sent);
        return errno.success;
      });
    },
  } satisfies Partial<WasiFunctions>;
}

/** The port of the container that a guest may bind to by this address. */
function declaredPort(
  { ip, port }: SocketAddress,
  ports: readonly OpenPort[],
): OpenPort | undefined {
  const found = ports.find((each) => each.port === port);
  return isAny(ip) || found?.addresses.some((each) => each.ip === ip)
    ? found
    : undefined;
}

function isAny(ip: string): boolean {
  return ip === familyOf(ip).any;
}

/** A socket for IPv6 can also reach IPv4. */
function checkFamily({ family }: GuestSocket, { ip }: SocketAddress): void {
  if (family.length < familyOf(ip).length) fail(errno.afnosupport);
}

/** What a call answers, as an error number. */
function errnoFrom(call: () => void): number {
  try {
    call();
    return errno.success;
  } catch (error) {
    return errnoOf(error);
  }
}

/** In the numbers of WasmEdge. */
const socketError = { level: 0, name: 2 };

/** No value of an option is longer, and no guest keeps anything at so low an address. */
const mostLength = 16;

const one = new Uint8Array([1, 0, 0, 0]);
