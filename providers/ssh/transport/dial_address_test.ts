import assert from "node:assert/strict";
import { join } from "node:path";
import type { DuplexStream } from "../../../async/byte_stream.ts";
import { echo, withHost } from "./test_stage.ts";

withHost(
  "SshHost.dial() connects both ways to a port, and ends one direction alone",
  [],
  async ({ host, signal }) => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const served = echoOnce(listener);
    const { port } = listener.addr as Deno.NetAddr;
    const stream = await host.dial({ kind: "tcp", host: "127.0.0.1", port }, {
      signal,
    });
    assert.equal(await exchange(stream, 3_000_000), 3_000_000);
    await stream.close();
    await served;
  },
);

withHost(
  "SshHost.dial() connects to a unix socket",
  [],
  async ({ sshd, host, signal }) => {
    const path = join(sshd.dir, "echo.sock");
    using listener = Deno.listen({ transport: "unix", path });
    const served = echoOnce(listener);
    const stream = await host.dial({ kind: "unix", path }, { signal });
    assert.equal(await exchange(stream, 100), 100);
    await stream.close();
    await served;
  },
);

withHost(
  "SshHost.dial() has a writer wait for a reader that does not come",
  [],
  async ({ host, signal }) => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepted = listener.accept();
    const { port } = listener.addr as Deno.NetAddr;
    const stream = await host.dial({ kind: "tcp", host: "127.0.0.1", port }, {
      signal,
    });
    using _conn = await accepted;
    let written = 0;
    const writing = (async () => {
      for (;; written++) await stream.write(new Uint8Array(1_000_000));
    })();
    writing.catch(() => undefined);
    let before: number;
    do {
      before = written;
      for (let i = 0; i < 5; i++) await host.run(":", [], { signal });
    } while (written > before);
    assert.ok(written < 40, `${written} MB were taken`);
    stream.destroy();
    await assert.rejects(writing, Deno.errors.BrokenPipe);
  },
);

withHost(
  "SshHost.dial() is refused where nothing listens",
  [],
  async ({ sshd, host, signal }) => {
    const stale = join(sshd.dir, "stale.sock");
    Deno.listen({ transport: "unix", path: stale }).close();
    // Deno takes the file away with its listener.
    await host.run(
      `python3 -c 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$1"`,
      [stale],
      { signal },
    );
    for (
      const address of [
        { kind: "tcp", host: "127.0.0.1", port: 1 },
        { kind: "unix", path: join(sshd.dir, "none.sock") },
        { kind: "unix", path: join(sshd.dir, "none", "none.sock") },
        { kind: "unix", path: stale },
      ] as const
    ) {
      await assert.rejects(
        host.dial(address, { signal }),
        Deno.errors.ConnectionRefused,
        JSON.stringify(address),
      );
    }
  },
);

withHost("SshHost.dial() is not permitted where sshd forbids it", [
  "AllowTcpForwarding no",
  "AllowStreamLocalForwarding no",
], async ({ sshd, host, signal }) => {
  const path = join(sshd.dir, "there.sock");
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  using _socket = Deno.listen({ transport: "unix", path });
  for (
    const address of [
      { kind: "tcp", host: "127.0.0.1", port },
      { kind: "unix", path },
    ] as const
  ) {
    await assert.rejects(
      host.dial(address, { signal }),
      Deno.errors.PermissionDenied,
      JSON.stringify(address),
    );
    await assert.rejects(
      host.listen(address, () => Promise.resolve(), { signal }),
      Deno.errors.PermissionDenied,
      JSON.stringify(address),
    );
  }
});

withHost(
  "SshHost.listen() hands over what connects, until its scope is left",
  [],
  async ({ sshd, host, signal }) => {
    const path = join(sshd.dir, "in.sock");
    using probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = probe.addr as Deno.NetAddr;
    probe.close();
    const tcp = { kind: "tcp", host: "127.0.0.1", port } as const;
    const unix = { kind: "unix", path } as const;
    for (const address of [tcp, unix, unix]) {
      const listener = await host.listen(address, echo, { signal });
      const conn = address.kind === "tcp"
        ? await Deno.connect({ hostname: "127.0.0.1", port })
        : await Deno.connect({ transport: "unix", path });
      await conn.write(new TextEncoder().encode("hello"));
      await conn.closeWrite();
      assert.equal(await new Response(conn.readable).text(), "hello");
      await listener[Symbol.asyncDispose]();
      await listener.ended;
      const again = address.kind === "tcp"
        ? Deno.connect({ hostname: "127.0.0.1", port })
        : Deno.connect({ transport: "unix", path });
      await assert.rejects(again);
    }
  },
);

async function echoOnce(listener: Deno.Listener): Promise<void> {
  const conn = await listener.accept();
  await conn.readable.pipeTo(conn.writable);
}

/** Sends so many bytes and our end, and counts what comes back before theirs. */
async function exchange(stream: DuplexStream, bytes: number): Promise<number> {
  const sent = stream.write(new Uint8Array(bytes)).then(() =>
    stream.closeWrite()
  );
  let received = 0;
  for (;;) {
    const chunk = await stream.read();
    if (chunk === undefined) break;
    received += chunk.length;
  }
  await sent;
  return received;
}
