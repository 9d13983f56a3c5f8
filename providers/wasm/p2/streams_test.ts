import assert from "node:assert/strict";
import { delay } from "../../../async/delay.ts";
import { parseAllowedHosts } from "../egress.ts";
import { LinuxSockets } from "../linux_sockets.ts";
import { NameResolver } from "../name_resolver.ts";
import { addressFamily } from "../socket_address.ts";
import { poll, Pollable } from "./pollable.ts";
import { SocketNetwork } from "./socket_network.ts";
import { SocketWaits } from "./socket_waits.ts";
import { type GuestSink, OutputStream } from "./streams.ts";
import { TcpSocket } from "./tcp_socket.ts";

const ignore = Deno.build.os !== "linux";

Deno.test("OutputStream traps who writes more than it has room for", async () => {
  const written: number[] = [];
  const stream = new OutputStream(sinkOf(4, written));
  assert.throws(() => stream.write(new Uint8Array(5)), RangeError);
  assert.throws(() => stream.writeZeroes(1n << 40n), RangeError);
  stream.write(new Uint8Array(4));
  await stream.blockingWriteAndFlush(new Uint8Array(10));
  await stream.blockingWriteZeroesAndFlush(5n);
  assert.deepEqual(written, [4, 4, 4, 2, 4, 1]);
});

Deno.test({
  name: "OutputStream of a connection that broke is ready, and then tells so",
  ignore,
  async fn() {
    using connection = await Connection.open();
    const { output } = connection;
    while (output.checkWrite() > 0n) output.write(new Uint8Array(65536));
    connection.reset();
    await poll([output.subscribe()]);
    assert.throws(() => output.checkWrite(), failed);
    assert.throws(() => output.checkWrite(), { payload: { tag: "closed" } });
  },
});

Deno.test({
  name: "OutputStream tells of bytes that a broken connection lost",
  ignore,
  async fn() {
    using connection = await Connection.open();
    const { output } = connection;
    output.write(new Uint8Array(1));
    connection.reset();
    await connection.input.subscribe().block();
    assert.throws(
      () => output.blockingWriteAndFlush(new Uint8Array(1)),
      failed,
    );
  },
});

Deno.test({
  name: "SocketWaits forgets who waits no more",
  ignore,
  async fn() {
    using sockets = new CountingSockets();
    const handle = sockets.open(addressFamily.inet4, "datagram");
    const local = { ip: "127.0.0.1", port: 0 };
    sockets.bind(handle, local, addressFamily.inet4);
    const waits = new SocketWaits(sockets);
    const quiet = new Pollable(
      () => false,
      (options) => waits.wait([{ handle, kind: "read" }], options),
    );
    for (let i = 0; i < 10; i++) {
      const soon = performance.now() + 1;
      await poll([
        quiet,
        new Pollable(
          () => performance.now() > soon,
          (options) => delay(2, options),
        ),
      ]);
    }
    assert.equal(sockets.most, 1);
    waits.forget(handle);
    sockets.close(handle);
    await sockets.idle;
  },
});

const failed = ({ payload }: { readonly payload: { readonly tag: string } }) =>
  payload.tag === "last-operation-failed";

/** A sink with room for a few bytes at once, which is there again at once. */
function sinkOf(room: number, written: number[]): GuestSink {
  return {
    room,
    ready: true,
    write: ({ length }) => void written.push(length),
    untilRoom: () => Promise.resolve(),
    flush: () => undefined,
  };
}

/** Knows the most sockets that were waited for at once. */
class CountingSockets extends LinuxSockets {
  most = 0;
  idle = Promise.resolve();

  override wait(
    ...[interests, options]: Parameters<LinuxSockets["wait"]>
  ): Promise<void> {
    this.most = Math.max(this.most, interests.length);
    return this.idle = super.wait(interests, options);
  }
}

/** A connection of a guest, and who is at its other end. */
class Connection implements Disposable {
  readonly input;
  readonly output;
  readonly #socket: TcpSocket;
  readonly #peer: Deno.TcpConn;

  private constructor(socket: TcpSocket, peer: Deno.TcpConn) {
    this.#socket = socket;
    this.#peer = peer;
    [this.input, this.output] = socket.finishConnect();
  }

  static async open(): Promise<Connection> {
    using server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = server.addr;
    const names = new NameResolver(parseAllowedHosts(["127.0.0.1"]));
    const sockets = new LinuxSockets();
    const network = new SocketNetwork({ sockets, ports: [], names });
    const socket = new TcpSocket(network, "ipv4");
    const address = [127, 0, 0, 1];
    socket.startConnect(undefined, { tag: "ipv4", val: { port, address } });
    const [peer] = await Promise.all([
      server.accept(),
      socket.subscribe().block(),
    ]);
    return new Connection(socket, peer);
  }

  /** With bytes that nobody has read, the end is a reset. */
  reset(): void {
    this.#peer.close();
  }

  [Symbol.dispose](): void {
    this.input[Symbol.dispose]();
    this.output[Symbol.dispose]();
    this.#socket[Symbol.dispose]();
  }
}
