// deno-lint-ignore-file no-non-null-assertion
import assert from "node:assert/strict";
import { untilAborted } from "../../async/abort.ts";
import { channelMessage, readChannelMessage } from "./channel_message.ts";
import type { CommandSessionOptions, UseChannels } from "./command_session.ts";
import { exitStatus, succeeded } from "./command_status.ts";
import type { WantedChannels } from "./channels.ts";
import { streamPair } from "./test_stream.ts";
import { within } from "./test_within.ts";
import { WebSocketConnection } from "./websocket.ts";
import {
  serveWebSocketCommand,
  webSocketCommandProtocols,
} from "./websocket_channels.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const all = { stdin: true, stdout: true, stderr: true, tty: false };

interface Client extends AsyncDisposable {
  readonly ws: WebSocketConnection;
  /** Resolves when the server has ended. */
  readonly served: Promise<void>;
  send(channel: number, text: string | Uint8Array): Promise<void>;
  /** Reads to the end: what came, by channel, and which came first. */
  receive(): Promise<{
    readonly first: number | undefined;
    readonly texts: readonly string[];
  }>;
}

function serve(
  use: UseChannels,
  { wanted = all, protocol = "v5.channel.k8s.io", ...options }:
    & Partial<Omit<CommandSessionOptions, "wanted">>
    & { readonly wanted?: WantedChannels } = {},
): Client {
  const stop = new AbortController();
  const [near, far] = streamPair();
  const served = serveWebSocketCommand(
    new WebSocketConnection(near, { role: "server" }),
    { signal: stop.signal, wanted, protocol, ...options },
    use,
  );
  const ws = new WebSocketConnection(far, { role: "client" });
  const base64 = protocol.includes("base64");
  return {
    ws,
    served,
    async send(channel, text) {
      const bytes = typeof text === "string" ? encode(text) : text;
      const { data, kind } = channelMessage({ channel, bytes }, { base64 });
      await ws.write(data, kind);
    },
    async receive() {
      let first: number | undefined;
      const texts = ["", "", "", "", ""];
      for (;;) {
        const message = await within(ws.read());
        if (message === undefined) return { first, texts };
        assert.equal(message.kind, base64 ? "text" : "binary");
        const { channel, bytes } = readChannelMessage(message, { base64 })!;
        if (first === undefined) assert.equal(bytes.length, 0);
        first ??= channel;
        texts[channel] += new TextDecoder().decode(bytes);
      }
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      ws.destroy();
      await within(served);
    },
  };
}

for (const protocol of webSocketCommandProtocols) {
  const versioned = /^v[45]/.test(protocol);
  Deno.test(`serveWebSocketCommand() carries every channel in "${protocol}"`, async () => {
    await using client = serve(async ({ stdin, stdout, stderr, finish }) => {
      const { value } = await stdin!.getReader().read();
      await stdout!.getWriter().write(value!);
      await stderr!.getWriter().write(encode("oh"));
      await finish(exitStatus(7));
    }, { protocol });
    await client.send(0, "hello");
    const { first, texts: [stdin, stdout, stderr, error] } = await client
      .receive();
    assert.equal(first, 1);
    assert.deepEqual([stdin, stdout, stderr], ["", "hello", "oh"]);
    const text = "command terminated with non-zero exit code: exit status 7";
    if (!versioned) assert.equal(error, text);
    else assert.equal(JSON.parse(error!).details.causes[0].message, "7");
    assert.equal(client.ws.closeCode, 1000);
    await client.ws.close();
    await within(client.served);
  });

  Deno.test(`serveWebSocketCommand() tells of success in "${protocol}"`, async () => {
    await using client = serve((channels) => channels.finish(succeeded()), {
      protocol,
      wanted: { ...all, stdout: false },
    });
    const { first, texts } = await client.receive();
    assert.equal(first, 2);
    const json = '{"metadata":{},"status":"Success"}';
    assert.equal(texts[3], versioned ? json : "");
  });
}

Deno.test("serveWebSocketCommand() greets on the error channel if there is no output", async () => {
  const wanted = { ...all, stdout: false, stderr: false };
  await using client = serve((channels) => channels.finish(succeeded()), {
    wanted,
  });
  assert.equal((await client.receive()).first, 3);
});

Deno.test("serveWebSocketCommand() ends the input alone in version 5", async () => {
  await using client = serve(async ({ stdin, stdout, finish }) => {
    const writer = stdout!.getWriter();
    for await (const chunk of stdin!) await writer.write(chunk);
    await writer.write(encode("!"));
    await finish(succeeded());
  });
  const text = "x".repeat(1_000_000);
  const received = client.receive();
  await client.send(0, text);
  await client.ws.write(Uint8Array.of(255, 0));
  await client.send(0, "too late");
  const { texts } = await received;
  assert.ok(texts[1] === `${text}!`);
});

Deno.test("serveWebSocketCommand() has no such end before version 5", async () => {
  const protocol = "v4.channel.k8s.io";
  await using client = serve(async ({ stdin, stdout, finish }) => {
    const { value } = await stdin!.getReader().read();
    await stdout!.getWriter().write(value!);
    await finish(succeeded());
  }, { protocol });
  await client.ws.write(Uint8Array.of(255, 0));
  await client.send(0, "hello");
  assert.equal((await client.receive()).texts[1], "hello");
});

for (const bytes of [[255], [255, 0, 0], [255, 9]]) {
  Deno.test(`serveWebSocketCommand() ends with a client that sends [${bytes}]`, async () => {
    await using client = serve(async ({ signal, finish }) => {
      await untilAborted(signal);
      await finish(succeeded());
    });
    await client.ws.write(Uint8Array.from(bytes));
    await client.receive();
    assert.equal(client.ws.closeCode, 1002);
    await client.ws.close();
    await within(client.served);
  });
}

Deno.test("serveWebSocketCommand() resizes a terminal", async () => {
  const wanted = { ...all, stderr: false, tty: true };
  await using client = serve(async ({ tty, resize, finish }) => {
    assert.equal(tty, true);
    const { value } = await resize!.getReader().read();
    assert.deepEqual(value, { columns: 123, rows: 45 });
    await finish(succeeded());
  }, { wanted });
  await client.send(4, '{"Width":123,"Height":45}');
  assert.match((await client.receive()).texts[3]!, /Success/);
});

Deno.test("serveWebSocketCommand() resizes while nobody reads a little input", async () => {
  const wanted = { ...all, stderr: false, tty: true };
  await using client = serve(async ({ resize, finish }) => {
    await resize!.getReader().read();
    await finish(succeeded());
  }, { wanted });
  await client.send(0, new Uint8Array(100_000));
  await client.send(4, '{"Width":123,"Height":45}');
  assert.match((await client.receive()).texts[3]!, /Success/);
});

Deno.test("serveWebSocketCommand() drops what it was not asked for", async () => {
  const wanted = { ...all, stdin: false };
  await using client = serve(async ({ stdin, resize, finish }) => {
    assert.equal(stdin, undefined);
    assert.equal(resize, undefined);
    await finish(succeeded());
  }, { wanted });
  for (const channel of [0, 1, 2, 3, 4, 5, 254]) {
    await client.send(channel, "x").catch(() => undefined); // it has ended
  }
  await client.ws.write(new Uint8Array()).catch(() => undefined);
  await client.receive();
});

for (const how of ["closes", "vanishes"] as const) {
  Deno.test(`serveWebSocketCommand() aborts an idle command when its client ${how}`, async () => {
    let failure: unknown;
    await using client = serve(async ({ stdin, signal, finish }) => {
      await stdin!.getReader().read().catch((error) => failure = error);
      await untilAborted(signal);
      await finish(succeeded());
    });
    if (how === "closes") await client.ws.close();
    else client.ws.destroy();
    await within(client.served);
    // Whoever copies the input must not take it for whole.
    assert.match(String(failure), /client left/);
  });
}

Deno.test("serveWebSocketCommand() fails the outputs of a client that is gone", async () => {
  let failure: unknown;
  await using client = serve(async ({ stdout, finish }) => {
    const writer = stdout!.getWriter();
    writer.closed.catch(() => undefined);
    while (failure === undefined) {
      await writer.write(new Uint8Array(10_000)).catch((error) => {
        failure = error;
      });
    }
    await finish(succeeded());
  });
  client.ws.destroy();
  await within(client.served);
  assert.ok(failure instanceof Error);
});

Deno.test("serveWebSocketCommand() aborts a command of which nothing is heard", async () => {
  let why: unknown;
  await using client = serve(async ({ signal, finish }) => {
    await untilAborted(signal);
    why = signal.reason;
    await finish(succeeded());
  }, { idleMs: 20 });
  await client.receive();
  await client.ws.close();
  await within(client.served);
  assert.match(String(why), /Nothing was said/);
});

Deno.test("serveWebSocketCommand() reads no more input than a bounded amount ahead of a slow command", async () => {
  const go = Promise.withResolvers<void>();
  await using client = serve(async ({ stdin, finish }) => {
    await go.promise;
    for await (const _ of stdin!);
    await finish(succeeded());
  });
  let sent = 0;
  const received = client.receive();
  const sending = (async () => {
    for (; sent < 100; sent++) await client.send(0, new Uint8Array(100_000));
    await client.ws.write(Uint8Array.of(255, 0));
  })();
  for (let i = 0; i < 20_000; i++) await Promise.resolve();
  assert.ok(sent < 10, `${sent} pieces were taken`);
  go.resolve();
  await within(sending);
  await received;
});

Deno.test("serveWebSocketCommand() ends with a command that leaves endless input unread", async () => {
  await using client = serve(async ({ stdin, finish }) => {
    await stdin!.getReader().read();
    await finish(succeeded());
  });
  const received = client.receive();
  const sending = (async () => {
    for (;;) await client.send(0, new Uint8Array(100_000));
  })();
  await assert.rejects(within(sending), /closed/);
  assert.match((await received).texts[3]!, /Success/);
});

Deno.test("serveWebSocketCommand() waits a limited time for a client that reads nothing", async () => {
  await using client = serve(async ({ stdout, finish }) => {
    const writer = stdout!.getWriter();
    writer.closed.catch(() => undefined);
    writer.write(new Uint8Array(1_000_000)).catch(() => undefined);
    await finish(succeeded());
  }, { finishMs: 50 });
  await within(client.served);
});
