import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { createConnection } from "node:net";
import { formatHost } from "../providers/wasm/ip_address.ts";
import { type GuestOptions, runGuest, RunningGuest } from "./run_guest.ts";

const local = "127.0.0.1";

Deno.test("a guest finds its ports open before its directories, and both of them", async () => {
  const listeners = [
    { hostname: local, port: freePort(), name: "web" },
    { hostname: local, port: freePort() },
  ];
  const preopens = [{ guestPath: "/data", hostPath: "/tmp", readOnly: true }];
  const options = { listeners, preopens };
  assert.deepEqual(await linesOf(["show"], options), [
    "3 type=6 flags=4 prestat errno=0 tag=1",
    "4 type=6 flags=4 prestat errno=0 tag=1",
    "5 type=3 flags=0 prestat errno=0 tag=0",
    "LISTEN_FDS=2 LISTEN_FDNAMES=web:unknown",
    "found /data",
    "accept of none errno=6",
    "done",
  ]);
});

Deno.test("a guest echoes what comes to any address of its port, and closes half", async () => {
  const [port, hostPort] = [freePort(), freePort()];
  const listeners = [
    { hostname: local, port },
    { hostname: "127.0.0.2", port: hostPort, containerPort: port },
    { hostname: "::1", port: hostPort, containerPort: port },
  ];
  await using guest = await RunningGuest.start("sockets", ["echo", "3"], {
    listeners,
  });
  await guest.untilStdout("set flags");
  const content = new Uint8Array(3_000_000).map((_, i) => i * 7);
  for (const { hostname, port } of listeners) {
    using connection = await Deno.connect({ hostname, port });
    const [echoed] = await Promise.all([
      new Response(connection.readable).bytes(),
      writeAll(connection, content),
    ]);
    assert.deepEqual(echoed, content);
  }
  const { stdout, code } = await guest.ended();
  assert.match(
    stdout,
    /(accept errno=0\nshutdown errno=0\nclose errno=0\n.*){3}/s,
  );
  assert.equal(code, 0);
});

Deno.test("a guest peeks, waits for all, polls, and does not wait where it says so", async () => {
  const port = freePort();
  await using guest = await RunningGuest.start("sockets", ["flags"], {
    listeners: [{ hostname: local, port }],
  });
  await guest.untilStdout("begin");
  using connection = await connect(port);
  await write(connection, "begin");
  await guest.untilStdout("recv begi\n");
  await write(connection, "12345");
  await guest.untilStdout("send errno=0\n");
  const space = new Uint8Array(20);
  assert.equal(await connection.read(space), 6);
  await write(connection, "more");
  await guest.untilStdout("recv more\n");
  await connection.closeWrite();
  const { stdout } = await guest.ended();
  assert.deepEqual(stdout.trimEnd().split("\n"), [
    "begin errno=0",
    "event 1 errno=0 hangup=0 bytes=0",
    "set flags errno=0",
    "accept errno=0",
    "recv begi",
    "recv begin12345",
    "nonblock errno=0",
    "recv errno=6",
    "event 1 errno=0 hangup=0 bytes=1",
    "send errno=0",
    "event 1 errno=0 hangup=0 bytes=1",
    "recv more",
    "event 1 errno=0 hangup=0 bytes=0",
    "recv ",
    "shutdown of nothing errno=28",
    "recv errno=28",
    "recv with unknown flags errno=0",
    "shutdown errno=0",
    "send after shutdown errno=64",
    "stat errno=0",
    "seek errno=70",
    "renumber errno=0",
    "close errno=0",
    "done",
  ]);
});

Deno.test("a guest is told that the other side is full, and then that it is gone", async () => {
  const port = freePort();
  await using guest = await RunningGuest.start("sockets", ["fill"], {
    listeners: [{ hostname: local, port }],
  });
  await guest.untilStdout("set flags");
  const connection = createConnection(port, local);
  connection.pause();
  await guest.untilStdout("full errno=6 1\n");
  connection.resetAndDestroy();
  const { stdout } = await guest.ended();
  assert.match(
    stdout,
    /event 1 errno=0 hangup=1 bytes=1\nrecv errno=15\nsend errno=64\n/,
  );
});

for (const hostname of [local, "::1"]) {
  for (const verb of ["dial", "dial-later"]) {
    Deno.test(`a guest connects to a server at ${hostname} by "${verb}"`, async () => {
      using server = Deno.listen({ hostname, port: 0 });
      const { port } = server.addr as Deno.NetAddr;
      const place = `${formatHost(hostname)}:${port}`;
      const options = { allowedHosts: [`tcp://${place}`] };
      const guest = linesOf([verb, hostname, `${port}`], options);
      using connection = await server.accept();
      await connection.read(new Uint8Array(20));
      await write(connection, "answer");
      const lines = await guest;
      assert.deepEqual(lines.slice(lines.indexOf("type errno=0 2")), [
        "type errno=0 2",
        "error errno=0 0",
        "keepalive errno=0",
        "timeout errno=0",
        "bind to device errno=50",
        "set type errno=50",
        "recv errno=6",
        "no timeout errno=0",
        "send errno=0",
        "recv answer",
        "close errno=0",
        "done",
      ]);
      if (hostname !== local) return;
      assert.deepEqual(lines.slice(-16, -12), [
        `peer1 errno=0 type=4 ${place}`,
        `peer2 errno=0 type=1 ${place}`,
        "local1 errno=0 type=4 127.0.0.1 1",
        "local2 errno=0 type=1 127.0.0.1 1",
      ]);
    });
  }
}

Deno.test("a guest connects nowhere unless its pod allows it", async () => {
  using server = Deno.listen({ hostname: local, port: 0 });
  const { port } = server.addr as Deno.NetAddr;
  const denied = ["open errno=0", "connect errno=2", "done"];
  const dial = (allowedHosts: readonly string[], ...[ip]: string[]) =>
    linesOf(["dial", ip ?? local, `${port}`], { allowedHosts });
  assert.deepEqual(await dial([]), ["open errno=2", "done"]);
  const others = ["tcp://10.0.0.1", `http://${local}:${port}`, `${local}:1`];
  assert.deepEqual(await dial(others), denied);
  assert.deepEqual(await dial(["*"]), denied);
  assert.deepEqual(await dial(["10.0.0.0/8"], "0.0.0.0"), denied);
  const listeners = [{ hostname: local, port: freePort() }];
  const lines = await linesOf(["dial", local, `${port}`], { listeners });
  assert.deepEqual(lines, denied);
  // A refusal of the other side is another thing.
  const closed = `${freePort()}`;
  const allowedHosts = [`${local}:${closed}`];
  assert.deepEqual(await linesOf(["dial", local, closed], { allowedHosts }), [
    "open errno=0",
    "connect errno=14",
    "done",
  ]);
});

Deno.test("a guest serves at the ports of its pod, by whatever address it names them", async () => {
  const port = freePort();
  const listeners = [{ hostname: "127.0.0.3", port }];
  for (const hostname of ["0.0.0.0", "127.0.0.3", "::"]) {
    const args = ["serve", hostname, `${port}`];
    await using guest = await RunningGuest.start("sockets", args, {
      listeners,
    });
    await guest.untilStdout(`listening 127.0.0.3:${port}\n`);
    for (const _ of [1, 2]) {
      using connection = await Deno.connect({ hostname: "127.0.0.3", port });
      await write(connection, "hello");
      const answer = await new Response(connection.readable).text();
      assert.equal(answer, "welcome");
    }
    const { stdout } = await guest.ended();
    assert.match(stdout, /reuse errno=0\nbind errno=0\nlisten errno=0\n/);
  }
});

Deno.test("a guest binds to no port that its pod does not have, and to no other address", async () => {
  const port = freePort();
  const options = {
    listeners: [{ hostname: "127.0.0.3", port }],
    allowedHosts: ["*"],
  };
  const serve = async (hostname: string, port: number) =>
    (await linesOf(["serve", hostname, `${port}`], options)).slice(2);
  const denied = ["bind errno=2", "done"];
  assert.deepEqual(await serve("0.0.0.0", freePort()), denied);
  assert.deepEqual(await serve(local, port), denied);
  assert.deepEqual(await serve(local, 0), denied);
  // As a socket that is not bound: but it cannot listen.
  const unbound = ["bind errno=0", "listen errno=2", "done"];
  assert.deepEqual(await serve("0.0.0.0", 0), unbound);
});

Deno.test("a guest sends datagrams to where it may, and hears from there alone", async () => {
  const server = createSocket("udp4");
  const stranger = createSocket("udp4");
  try {
    await new Promise<void>((resolve) => server.bind(0, local, resolve));
    const { port } = server.address();
    const heard: string[] = [];
    server.on("message", (message, { port }) => {
      heard.push(`${message}`);
      // It comes first, but is nobody that the guest may speak to.
      stranger.send("spam", port, local, () => {
        server.send("answer", port, local);
      });
    });
    const options = { allowedHosts: [`udp://${local}:${port}`] };
    assert.deepEqual(await linesOf(["udp", local, `${port}`], options), [
      "open errno=0",
      "bind errno=0",
      "send errno=0",
      "receive errno=0",
      "got ans cut=1 from port 1",
      "send errno=0",
      "receive errno=0",
      "got answer from the same 1",
      "send elsewhere errno=2",
      "connect errno=0",
      "send errno=0",
      "done",
    ]);
    assert.deepEqual(heard.slice(0, 2), ["question", "question"]);
  } finally {
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await new Promise<void>((resolve) => stranger.close(() => resolve()));
  }
});

Deno.test("a guest looks up the names that its pod allows, and no others", async () => {
  const hosts = [{ ip: "10.1.2.3", hostnames: ["db", "db.example"] }];
  const options = {
    allowedHosts: ["db:5432"],
    names: { hosts, servers: [], searches: [], ndots: 1 },
  };
  const lookup = (name: string, service: string) =>
    linesOf(["lookup", name, service], options);
  assert.deepEqual(await lookup("db", "5432"), [
    "lookup errno=0",
    "family 1 type 2 port 5432 10.1.2.3",
    "done",
  ]);
  assert.deepEqual(await lookup("10.9.8.7", "https"), [
    "lookup errno=0",
    "family 1 type 2 port 443 10.9.8.7",
    "done",
  ]);
  assert.deepEqual(await lookup("::7", "0"), [
    "lookup errno=0",
    "family 2 type 2 port 0 last byte 7",
    "done",
  ]);
  assert.deepEqual(await lookup("db.example", "1"), ["lookup errno=2", "done"]);
  assert.deepEqual(await lookup("db", "no-such"), ["lookup errno=85", "done"]);
});

Deno.test("a guest does not start where its port is taken", async () => {
  using taken = Deno.listen({ hostname: local, port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const listeners = [{ hostname: local, port }];
  const { report } = await runGuest("sockets", ["show"], { listeners });
  assert.deepEqual(report, {
    reason: "StartError",
    message: `Cannot listen on ${local}:${port}: the address is in use`,
  });
});

async function linesOf(
  args: readonly string[],
  options: GuestOptions,
): Promise<readonly string[]> {
  const { stdout } = await runGuest("sockets", args, options);
  return stdout.trimEnd().split("\n");
}

/** A port that was free a moment ago. */
function freePort(): number {
  using listener = Deno.listen({ hostname: local, port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

function connect(port: number): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname: local, port });
}

async function write(connection: Deno.Conn, text: string): Promise<void> {
  await connection.write(new TextEncoder().encode(text));
}

async function writeAll(
  connection: Deno.TcpConn,
  content: Uint8Array<ArrayBuffer>,
): Promise<void> {
  for (let done = 0; done < content.length;) {
    done += await connection.write(content.subarray(done));
  }
  await connection.closeWrite();
}
