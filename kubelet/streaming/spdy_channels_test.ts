// deno-lint-ignore-file no-non-null-assertion
import assert from "node:assert/strict";
import { untilAborted } from "../../async/abort.ts";
import type { CommandChannels, WantedChannels } from "./channels.ts";
import type { CommandSessionOptions, UseChannels } from "./command_session.ts";
import { exitStatus, succeeded } from "./command_status.ts";
import { serveSpdyCommand } from "./spdy_channels.ts";
import { SpdySession, type SpdyStream } from "./spdy_session.ts";
import { streamPair } from "./test_stream.ts";
import { within } from "./test_within.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const all = { stdin: true, stdout: true, stderr: true, tty: false };

interface Client extends AsyncDisposable {
  readonly session: SpdySession;
  /** Resolves when the server has ended. */
  readonly served: Promise<void>;
  open(...types: readonly string[]): Promise<readonly SpdyStream[]>;
}

function serve(
  use: UseChannels,
  { wanted = all, protocol = "v4.channel.k8s.io", ...options }:
    & Partial<Omit<CommandSessionOptions, "wanted">>
    & { readonly wanted?: WantedChannels } = {},
): Client {
  const stop = new AbortController();
  const [near, far] = streamPair();
  const served = serveSpdyCommand(
    new SpdySession(near, { role: "server" }),
    { signal: stop.signal, wanted, protocol, ...options },
    use,
  );
  const session = new SpdySession(far, { role: "client" });
  const running = session.run({ signal: stop.signal });
  return {
    session,
    served,
    open: (...types) =>
      within(Promise.all(
        types.map((type) => session.open(new Map([["streamtype", type]]))),
      )),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await within(Promise.all([served, running]));
    },
  };
}

async function readAll(stream: SpdyStream | undefined): Promise<string> {
  const chunks: Uint8Array[] = [];
  for (let chunk; (chunk = await within(stream!.read())) !== undefined;) {
    chunks.push(chunk);
  }
  return await new Blob(chunks as BlobPart[]).text();
}

/** Copies its input to both outputs, and ends with code 7. */
async function copy(channels: CommandChannels): Promise<void> {
  const outputs = [channels.stdout!, channels.stderr!];
  const writers = outputs.map((output) => output.getWriter());
  for await (const chunk of channels.stdin!) {
    for (const writer of writers) await writer.write(chunk);
  }
  await channels.finish(exitStatus(7));
}

Deno.test("serveSpdyCommand() carries every channel, and the end of the input", async () => {
  await using client = serve(copy);
  const [error, stdin, stdout, stderr] = await client.open(
    ...["error", "stdin", "stdout", "stderr"],
  );
  const out = readAll(stdout);
  const err = readAll(stderr);
  const text = "x".repeat(1_000_000);
  await stdin!.write(encode(text));
  await stdin!.end();
  assert.ok(await out === text && await err === text);
  assert.deepEqual(JSON.parse(await readAll(error)), {
    metadata: {},
    status: "Failure",
    message: "command terminated with non-zero exit code: exit status 7",
    reason: "NonZeroExitCode",
    details: { causes: [{ reason: "ExitCode", message: "7" }] },
  });
  await client.session.close();
  await within(client.served);
});

for (const protocol of ["v3.channel.k8s.io", "channel.k8s.io"]) {
  Deno.test(`serveSpdyCommand() tells a failure as text, and nothing of success, in ${protocol}`, async () => {
    const wanted = { ...all, stdin: false, stderr: false };
    for (const code of [0, 3]) {
      await using client = serve(
        (channels) => channels.finish(exitStatus(code)),
        { wanted, protocol },
      );
      const [error] = await client.open("error", "stdout");
      const text = "command terminated with non-zero exit code: exit status 3";
      assert.equal(await readAll(error), code === 0 ? "" : text);
    }
  });
}

Deno.test("serveSpdyCommand() resizes a terminal, which has one output", async () => {
  const wanted = { stdin: false, stdout: true, stderr: false, tty: true };
  await using client = serve(async ({ tty, resize, stderr, finish }) => {
    assert.equal(tty, true);
    assert.equal(stderr, undefined);
    const { value } = await resize!.getReader().read();
    assert.deepEqual(value, { columns: 80, rows: 24 });
    await finish(succeeded());
  }, { wanted });
  const [error, , resize] = await client.open("error", "stdout", "resize");
  await resize!.write(encode('{"Width":80,"Height":24}\n'));
  const { status } = JSON.parse(await readAll(error));
  assert.equal(status, "Success");
});

Deno.test("serveSpdyCommand() expects no stream for the size in version 2", async () => {
  const wanted = { stdin: false, stdout: true, stderr: false, tty: true };
  const protocol = "v2.channel.k8s.io";
  await using client = serve(async ({ resize, finish }) => {
    assert.equal(resize, undefined);
    await finish(succeeded());
  }, { wanted, protocol });
  const [error] = await client.open("error", "stdout");
  assert.equal(await readAll(error), "");
});

Deno.test("serveSpdyCommand() resets streams that were not asked for", async () => {
  const wanted = { ...all, stdin: false, stderr: false };
  await using client = serve((channels) => channels.finish(succeeded()), {
    wanted,
  });
  const [error, , stderr] = await client.open("error", "error", "stderr");
  await assert.rejects(async () => {
    await within(stderr!.read());
    await stderr!.write(encode("x"));
  }, /reset/);
  await client.open("stdout");
  assert.match(await readAll(error), /Success/);
});

Deno.test("serveSpdyCommand() gives up on a client that opens too few streams", async () => {
  await using client = serve(() => assert.fail("never"), { creationMs: 5 });
  await client.open("error", "stdout");
  await within(client.served);
  assert.equal(await client.session.accept(), undefined);
});

Deno.test("serveSpdyCommand() aborts an idle command when its client leaves", async () => {
  let failure: unknown;
  await using client = serve(async ({ stdin, signal, finish }) => {
    await stdin!.getReader().read().catch((error) => failure = error);
    await untilAborted(signal);
    await finish(succeeded());
  });
  await client.open("error", "stdin", "stdout", "stderr");
  await client.session.close();
  await within(client.served);
  // Whoever copies the input must not take it for whole.
  assert.match(String(failure), /Cannot write/);
});

Deno.test("serveSpdyCommand() aborts a command of which nothing is heard", async () => {
  let why: unknown;
  await using client = serve(async ({ signal, finish }) => {
    await untilAborted(signal);
    why = signal.reason;
    await finish(succeeded());
  }, { idleMs: 20 });
  await client.open("error", "stdin", "stdout", "stderr");
  await within(client.served);
  assert.match(String(why), /Nothing was said/);
});

Deno.test("serveSpdyCommand() ends with a command that leaves endless input unread", async () => {
  await using client = serve(async ({ stdin, finish }) => {
    await stdin!.getReader().read();
    await finish(succeeded());
  });
  const [error, stdin] = await client.open(
    ...["error", "stdin", "stdout", "stderr"],
  );
  const status = readAll(error);
  let done = false;
  const sending = (async () => {
    while (!done) await stdin!.write(new Uint8Array(100_000));
  })();
  assert.match(await status, /Success/);
  done = true;
  await within(sending);
});

Deno.test("serveSpdyCommand() reads no more input than a bounded amount ahead of a slow command", async () => {
  const go = Promise.withResolvers<void>();
  await using client = serve(async ({ stdin, finish }) => {
    await go.promise;
    for await (const _ of stdin!);
    await finish(succeeded());
  });
  const [error, stdin] = await client.open(
    ...["error", "stdin", "stdout", "stderr"],
  );
  let sent = 0;
  const sending = (async () => {
    for (; sent < 100; sent++) await stdin!.write(new Uint8Array(100_000));
    await stdin!.end();
  })();
  for (let i = 0; i < 5000; i++) await Promise.resolve();
  assert.ok(sent < 10, `${sent} pieces were taken`);
  go.resolve();
  await within(sending);
  assert.match(await readAll(error), /Success/);
});

Deno.test("serveSpdyCommand() waits a limited time for a client that takes nothing", async () => {
  const [near, far] = streamPair();
  const served = serveSpdyCommand(
    new SpdySession(near, { role: "server" }),
    {
      signal: new AbortController().signal,
      wanted: { ...all, stdin: false, stderr: false },
      protocol: "v4.channel.k8s.io",
      finishMs: 50,
    },
    (channels) => channels.finish(succeeded()),
  );
  const session = new SpdySession(far, { role: "client" });
  const stop = new AbortController();
  const running = session.run(stop);
  await Promise.all(
    ["error", "stdout"].map((type) =>
      session.open(new Map([["streamtype", type]]))
    ),
  );
  await within(served);
  stop.abort();
  await running;
});
