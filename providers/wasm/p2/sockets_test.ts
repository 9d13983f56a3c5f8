import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { parseAllowedHosts } from "../egress.ts";
import type { GuestNet } from "../guest_sockets.ts";
import { LinuxSockets } from "../linux_sockets.ts";
import { NameResolver } from "../name_resolver.ts";
import { openPorts } from "../open_ports.ts";
import { GuestError } from "./guest_error.ts";
import type { IpSocketAddress } from "./socket_addresses.ts";
import { SocketNetwork } from "./socket_network.ts";
import type { OutputStream } from "./streams.ts";
import { TcpSocket } from "./tcp_socket.ts";
import { UdpSocket } from "./udp_socket.ts";

const ignore = Deno.build.os !== "linux";

Deno.test({
  name:
    "TcpSocket connects where the policy allows it, sends, and hears the end",
  ignore,
  async fn() {
    using server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = server.addr;
    using socket = new TcpSocket(network([`127.0.0.1:${port}`]), "ipv4");
    const serving = echoOnce(server);
    socket.setKeepAliveEnabled(true);
    socket.setKeepAliveIdleTime(5_000_000_000n);
    assert.equal(socket.keepAliveIdleTime(), 5_000_000_000n);
    socket.startConnect(undefined, address(port));
    await socket.subscribe().block();
    const [input, output] = socket.finishConnect();
    assert.deepEqual(socket.remoteAddress(), address(port));
    await write(output, "hello");
    assert.equal(text(await input.blockingRead(100n)), "hello");
    socket.shutdown("send");
    await serving;
    const end = codeOf(async () => {
      await input.blockingRead(100n);
    });
    assert.deepEqual(await end, { tag: "closed" });
    input[Symbol.dispose]();
    output[Symbol.dispose]();
  },
});

Deno.test({
  name:
    "TcpSocket reaches nobody else, and serves nobody but on the container's ports",
  ignore,
  async fn() {
    const net = network(["127.0.0.1:9"]);
    const codes = await Promise.all([
      codeOf((socket) => socket.startConnect(undefined, address(10)), net),
      codeOf((socket) => socket.startBind(undefined, address(8080)), net),
      codeOf((socket) => {
        socket.startBind(undefined, address(0, [0, 0, 0, 0]));
        socket.finishBind();
        socket.startListen();
      }, net),
      codeOf((socket) => void socket.finishConnect(), net),
      codeOf((socket) => socket.startConnect(undefined, address(0)), net),
    ]);
    assert.deepEqual(codes, [
      ...["access-denied", "access-denied", "access-denied"],
      ...["not-in-progress", "invalid-argument"],
    ]);
  },
});

Deno.test({
  name:
    "TcpSocket accepts on a port of its container, which one socket can have",
  ignore,
  async fn() {
    const port = freePort();
    const net = network([], port);
    using socket = new TcpSocket(net, "ipv4");
    socket.startBind(undefined, address(port, [0, 0, 0, 0]));
    socket.finishBind();
    const taken = codeOf(
      (other) => other.startBind(undefined, address(port)),
      net,
    );
    assert.equal(await taken, "address-in-use");
    socket.startListen();
    socket.finishListen();
    assert.deepEqual(socket.localAddress(), address(port));
    using client = await Deno.connect({ hostname: "127.0.0.1", port });
    await socket.subscribe().block();
    const [accepted, input, output] = socket.accept();
    await write(output, "hi");
    const bytes = new Uint8Array(10);
    const count = await client.read(bytes) ?? 0;
    assert.equal(text(bytes.subarray(0, count)), "hi");
    for (const each of [input, output, accepted]) each[Symbol.dispose]();
    for (const { handles } of net.net.ports) {
      for (const handle of handles) net.net.sockets.close(handle);
    }
  },
});

Deno.test({
  name: "UdpSocket asks servers that it may reach, and hears only them",
  ignore,
  async fn() {
    await using server = await Datagrams.open();
    await using stranger = await Datagrams.open();
    const net = network([`udp://127.0.0.1:${server.port}`]);
    using socket = new UdpSocket(net, "ipv4");
    socket.startBind(undefined, address(0, [0, 0, 0, 0]));
    socket.finishBind();
    const [incoming, outgoing] = socket.stream(undefined);
    const data = new TextEncoder().encode("question");
    const send = (port: number) =>
      outgoing.send([{ data, remoteAddress: address(port) }]);
    assert.throws(() => send(stranger.port), { payload: "access-denied" });
    assert.equal(send(server.port), 1n);
    const from = await server.asked;
    await stranger.send("lie", from);
    await server.send("answer", from);
    const found = [];
    while (found.length === 0) {
      await incoming.subscribe().block();
      found.push(...incoming.receive(10n));
    }
    assert.deepEqual(
      found.map(({ data, remoteAddress }) => [text(data), remoteAddress]),
      [["answer", address(server.port)]],
    );
    for (const each of [incoming, outgoing]) each[Symbol.dispose]();
  },
});

/** A server of datagrams on this machine. */
class Datagrams implements AsyncDisposable {
  readonly #socket = createSocket("udp4");
  /** The port of who sent the first one. */
  readonly asked = new Promise<number>((resolve) =>
    this.#socket.once("message", (_, { port }) => resolve(port))
  );

  static async open(): Promise<Datagrams> {
    const server = new Datagrams();
    await new Promise<void>((resolve) =>
      server.#socket.bind(0, "127.0.0.1", resolve)
    );
    return server;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  async send(text: string, port: number): Promise<void> {
    await new Promise<void>((resolve) =>
      this.#socket.send(text, port, "127.0.0.1", () => resolve())
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }
}

function network(
  allowedHosts: readonly string[],
  port?: number,
): SocketNetwork {
  const sockets = new LinuxSockets();
  const listeners = port === undefined ? [] : [{ hostname: "127.0.0.1", port }];
  const net: GuestNet = {
    sockets,
    ports: openPorts(listeners, sockets),
    names: new NameResolver(parseAllowedHosts(allowedHosts)),
  };
  return new SocketNetwork(net);
}

function address(port: number, ip = [127, 0, 0, 1]): IpSocketAddress {
  return { tag: "ipv4", val: { port, address: ip } };
}

async function codeOf(
  call: (socket: TcpSocket) => void | Promise<void>,
  net = network([]),
): Promise<unknown> {
  using socket = new TcpSocket(net, "ipv4");
  try {
    await call(socket);
    return "none";
  } catch (error) {
    assert.ok(error instanceof GuestError, `${error}`);
    return error.payload;
  }
}

async function write(output: OutputStream, text: string): Promise<void> {
  await output.blockingWriteAndFlush(new TextEncoder().encode(text));
}

async function echoOnce(server: Deno.TcpListener): Promise<void> {
  using conn = await server.accept();
  await conn.readable.pipeTo(conn.writable).catch(() => undefined);
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
