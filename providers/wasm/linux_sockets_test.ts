import assert from "node:assert/strict";
import { errno } from "./errno.ts";
import { LinuxSockets } from "./linux_sockets.ts";
import { addressFamily } from "./socket_address.ts";

const { inet4 } = addressFamily;
const ip = "127.0.0.1";

/** A listening socket, and its address. */
function listen(sockets: LinuxSockets) {
  const listener = sockets.open(inet4, "stream");
  sockets.bind(listener, { ip, port: 0 }, inet4);
  sockets.listen(listener, 8);
  const address = sockets.localAddress(listener);
  assert.ok(address && address.port > 0);
  return { listener, address };
}

const offered = { ignore: Deno.build.os !== "linux" };

Deno.test(
  "LinuxSockets pass bytes, peek, and tell an end",
  offered,
  async () => {
    using sockets = new LinuxSockets();
    const { listener, address } = listen(sockets);
    const fails = (number: number) => ({ name: "WasiError", errno: number });
    assert.throws(() => sockets.accept(listener), fails(errno.again));
    const client = sockets.open(inet4, "stream");
    const connect = () => sockets.connect(client, address, inet4);
    assert.throws(connect, fails(errno.inprogress));
    await sockets.wait([{ handle: listener, kind: "read" }], {});
    const server = sockets.accept(listener);
    assert.equal(sockets.send(server, new Uint8Array([1, 2, 3])), 3);
    const space = new Uint8Array(8);
    await sockets.wait([{ handle: client, kind: "read" }], {});
    assert.equal(sockets.readableBytes(client), 3);
    const receive = (peek: boolean) =>
      sockets.receive(client, space, { peek, datagram: false }).count;
    assert.equal(receive(true), 3);
    assert.equal(receive(false), 3);
    assert.deepEqual([...space.subarray(0, 3)], [1, 2, 3]);
    assert.throws(() => receive(false), fails(errno.again));
    sockets.shutdown(server, "write");
    await sockets.wait([{ handle: client, kind: "read" }], {});
    assert.equal(receive(false), 0);
    for (const handle of [client, server, listener]) sockets.close(handle);
    assert.throws(() => sockets.close(listener), fails(errno.badf));
  },
);

Deno.test(
  "wait() ends with its time, and again and again with its signal",
  offered,
  async () => {
    using sockets = new LinuxSockets();
    const { listener } = listen(sockets);
    const interests = [{ handle: listener, kind: "read" }] as const;
    const begun = performance.now();
    await sockets.wait(interests, { timeout: 20 });
    assert.ok(performance.now() - begun >= 19);
    assert.deepEqual(sockets.look(interests), [{
      ready: false,
      hungUp: false,
    }]);
    for (let i = 0; i < 50; i++) {
      const done = new AbortController();
      const waiting = sockets.wait(interests, { signal: done.signal });
      if (i % 2 === 0) await Promise.resolve();
      done.abort();
      await waiting;
    }
    await sockets.wait(interests, { signal: AbortSignal.abort() });
    // What interrupted those does not end the next one at once.
    const later = performance.now();
    await sockets.wait(interests, { timeout: 20 });
    assert.ok(performance.now() - later >= 19);
    sockets.close(listener);
  },
);
