import assert from "node:assert/strict";
import { join } from "node:path";
import { needing } from "../../tests/needing.ts";
import { type Sshd, sshdMissing, startSshd } from "../../tests/sshd.ts";
import {
  ApiTunnel,
  type ApiTunnelOptions,
  hostReaches,
  type TunnelState,
} from "./api_tunnel.ts";
import { Echo, eventually, freePort } from "./pause/test_pause.ts";
import { connectHost } from "./transport/ssh_host.ts";
import type { SshHost } from "./transport/ssh_host.ts";

const missing = sshdMissing();

/** A tunnel to something that sends back what it gets, by a host that is this machine. */
interface Stage {
  readonly sshd: Sshd;
  readonly host: SshHost;
  readonly tunnel: ApiTunnel;
  readonly socket: string;
  readonly signal: AbortSignal;
}

function withTunnel(
  name: string,
  options: Partial<ApiTunnelOptions> & { readonly sshd?: readonly string[] },
  test: (stage: Stage) => Promise<void>,
): void {
  Deno.test({
    ...needing(missing, name),
    async fn() {
      await using sshd = await startSshd(options.sshd);
      const timeout = AbortSignal.timeout(30_000);
      const stop = new AbortController();
      const signal = AbortSignal.any([timeout, stop.signal]);
      await using host = connectHost(sshd.target(), { signal });
      const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      await using _ = new Echo(listener);
      const tunnel = new ApiTunnel({
        host,
        server: { host: "127.0.0.1", port: listener.addr.port },
        directory: () => Promise.resolve(join(sshd.dir, "tunnel")),
        ...options,
      });
      const running = tunnel.run({ signal });
      const socket = join(sshd.dir, "tunnel", "api.sock");
      try {
        await test({ sshd, host, tunnel, socket, signal: timeout });
      } finally {
        stop.abort();
        await running;
      }
    },
  });
}

withTunnel(
  "ApiTunnel joins what connects to its socket to the server, with half-closes",
  {},
  async ({ tunnel, socket, signal }) => {
    await until(tunnel, "open", signal);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => ask(socket, `${i}`.repeat(50_000))),
    );
    answers.forEach((answer, i) => assert.equal(answer, `${i}`.repeat(50_000)));
    await eventually(() => assert.equal(tunnel.connections, 0));
  },
);

withTunnel(
  "ApiTunnel lets only its own user to the socket",
  {},
  async ({ tunnel, socket, signal }) => {
    await until(tunnel, "open", signal);
    const { mode } = await Deno.stat(join(socket, ".."));
    assert.equal((mode ?? 0) & 0o777, 0o700);
    const file = await Deno.stat(socket);
    assert.equal((file.mode ?? 0) & 0o077, 0);
  },
);

withTunnel(
  "ApiTunnel opens again after every loss of the connection",
  {},
  async ({ sshd, tunnel, socket, signal }) => {
    await until(tunnel, "open", signal);
    assert.equal(tunnel.condition.status, "True");
    using idle = await Deno.connect({ transport: "unix", path: socket });
    await idle.write(new TextEncoder().encode("x"));
    await idle.read(new Uint8Array(1));
    const closed = until(tunnel, "closed", signal);
    await sshd.kill();
    assert.equal((await closed).kind, "closed");
    assert.equal(await idle.read(new Uint8Array(1)).catch(() => null), null);
    assert.equal(tunnel.condition.reason, "HostUnreachable");
    await eventually(() => assert.equal(tunnel.connections, 0));
    await sshd.start();
    await until(tunnel, "open", signal);
    assert.equal(await ask(socket, "again"), "again");
  },
);

withTunnel(
  "ApiTunnel says that sshd forbids it",
  { sshd: ["AllowStreamLocalForwarding no"] },
  async ({ tunnel, signal }) => {
    for await (const state of tunnel.changes({ signal })) {
      if (state.kind === "closed" && state.reason !== "Opening") break;
    }
    const { type, status, reason, message } = tunnel.condition;
    assert.equal(type, "ApiServerReachable");
    assert.equal(status, "False");
    assert.equal(reason, "ForwardingRefused");
    assert.match(message ?? "", /AllowStreamLocalForwarding/);
  },
);

withTunnel(
  "ApiTunnel closes at once what it cannot join, and lives on",
  { server: { host: "127.0.0.1", port: freePort() } },
  async ({ tunnel, socket, signal }) => {
    await until(tunnel, "open", signal);
    assert.equal(await ask(socket, "x").catch(() => ""), "");
    assert.equal(await ask(socket, "x").catch(() => ""), "");
    assert.equal(tunnel.state.kind, "open");
    await eventually(() => assert.equal(tunnel.connections, 0));
  },
);

withTunnel(
  "ApiTunnel keeps to its limit of connections",
  { connectionLimit: 2 },
  async ({ tunnel, socket, signal }) => {
    await until(tunnel, "open", signal);
    const dial = () => Deno.connect({ transport: "unix", path: socket });
    using first = await dial();
    using _second = await dial();
    await eventually(() => assert.equal(tunnel.connections, 2));
    assert.equal(await ask(socket, "x").catch(() => ""), "");
    first.close();
    await eventually(() => assert.equal(tunnel.connections, 1));
    assert.equal(await ask(socket, "y"), "y");
  },
);

withTunnel(
  "hostReaches() tells whether the host can connect there",
  {},
  async ({ host, signal }) => {
    await host.connected({ signal });
    using listener = Deno.listen({ hostname: "0.0.0.0", port: 0 });
    const { port } = listener.addr;
    const address = Deno.networkInterfaces().find(({ family, address }) =>
      family === "IPv4" && !address.startsWith("127.")
    )?.address;
    if (address !== undefined) {
      assert.equal(
        await hostReaches(host, { host: address, port }, { signal }),
        true,
      );
      assert.equal(
        await hostReaches(host, { host: address, port: freePort() }, {
          signal,
        }),
        false,
      );
    }
    // It is this machine's own loopback that was meant, not the host's.
    for (const own of ["127.0.0.1", "localhost", "::1"]) {
      assert.equal(
        await hostReaches(host, { host: own, port }, { signal }),
        false,
      );
    }
  },
);

async function until(
  tunnel: ApiTunnel,
  kind: TunnelState["kind"],
  signal: AbortSignal,
): Promise<TunnelState> {
  for await (const state of tunnel.changes({ signal })) {
    if (state.kind === kind) return state;
  }
  throw signal.reason;
}

async function ask(path: string, question: string): Promise<string> {
  const conn = await Deno.connect({ transport: "unix", path });
  const answer = new Response(conn.readable).text();
  const asked = (async () => {
    const writer = conn.writable.getWriter();
    await writer.write(new TextEncoder().encode(question));
    await conn.closeWrite();
  })();
  const [text] = await Promise.all([answer, asked]);
  return text;
}
