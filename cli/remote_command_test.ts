import assert from "node:assert/strict";
import { streamPair } from "../kubelet/streaming/test_stream.ts";
import { WebSocketConnection } from "../kubelet/streaming/websocket.ts";
import type { TerminalSize } from "../providers/runtime.ts";
import {
  type LocalStreams,
  remoteCommand,
  type RemoteOutcome,
} from "./remote_command.ts";
import { TestSession } from "./test_session.ts";

const { signal } = new AbortController();
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** A kubelet that does as `serve` says, then closes. */
async function commandWith(
  serve: (kubelet: TestSession) => Promise<void>,
  streams: LocalStreams = {},
  options = { signal },
): Promise<RemoteOutcome> {
  const [here, there] = streamPair();
  const kubelet = new TestSession(
    new WebSocketConnection(there, { role: "server" }),
  );
  const serving = serve(kubelet).finally(() => kubelet.connection.close());
  try {
    return await remoteCommand(here, streams, options);
  } finally {
    await serving;
  }
}

/** An input that gives `chunks`, then ends, or never does. */
function input(
  chunks: readonly string[],
  { end = true } = {},
): NonNullable<LocalStreams["stdin"]> {
  const left = chunks.map((chunk) => new TextEncoder().encode(chunk));
  return {
    read(buffer) {
      const chunk = left.shift();
      if (chunk === undefined) {
        return end ? Promise.resolve(null) : new Promise(() => {});
      }
      buffer.set(chunk);
      return Promise.resolve(chunk.length);
    },
  };
}

class Output {
  text = "";
  write(bytes: Uint8Array): Promise<void> {
    this.text += text(bytes);
    return Promise.resolve();
  }
}

Deno.test("remoteCommand() keeps the outputs apart and resolves success", async () => {
  const [stdout, stderr] = [new Output(), new Output()];
  const outcome = await commandWith(async (kubelet) => {
    await kubelet.send(1, ""); // as the kubelet begins
    await kubelet.send(1, "out");
    await kubelet.send(2, "err");
    await kubelet.send(1, "put\n");
    await kubelet.finish(0);
  }, { stdout, stderr });
  assert.deepEqual(outcome, { kind: "succeeded" });
  assert.equal(stdout.text, "output\n");
  assert.equal(stderr.text, "err");
});

Deno.test("remoteCommand() resolves the exit code", async () => {
  const outcome = await commandWith((kubelet) => kubelet.finish(3));
  assert.deepEqual(outcome, { kind: "exited", code: 3 });
});

Deno.test("remoteCommand() resolves why a command could not be run", async () => {
  const outcome = await commandWith((kubelet) =>
    kubelet.finish({
      status: "Failure",
      reason: "InternalError",
      message: 'error executing command in container: "nope" not found',
    })
  );
  assert.deepEqual(outcome, {
    kind: "failed",
    message: 'error executing command in container: "nope" not found',
  });
});

for (const odd of ["oops", "[]", "null", '{"status":"Failure"}']) {
  Deno.test(`remoteCommand() takes the status ${odd} for a failure`, async () => {
    const outcome = await commandWith((kubelet) => kubelet.send(3, odd));
    assert.deepEqual(outcome, { kind: "failed", message: odd });
  });
}

Deno.test("remoteCommand() takes an exit code that is none for a failure", async () => {
  const outcome = await commandWith((kubelet) =>
    kubelet.finish({
      status: "Failure",
      reason: "NonZeroExitCode",
      message: "ended",
      details: { causes: [{ reason: "ExitCode", message: "many" }] },
    })
  );
  assert.deepEqual(outcome, {
    kind: "failed",
    message: "ended (no exit code given)",
  });
});

Deno.test("remoteCommand() resolves a status that comes in pieces", async () => {
  const outcome = await commandWith(async (kubelet) => {
    await kubelet.send(3, '{"status":');
    await kubelet.send(3, '"Success"}');
  });
  assert.deepEqual(outcome, { kind: "succeeded" });
});

Deno.test("remoteCommand() says that the connection was lost when it ends without a status", async () => {
  const outcome = await commandWith((kubelet) => {
    kubelet.connection.destroy();
    return Promise.resolve();
  });
  assert.deepEqual(outcome, { kind: "lost" });
});

Deno.test("remoteCommand() sends the input and ends it, while output goes on", async () => {
  const stdout = new Output();
  const outcome = await commandWith(async (kubelet) => {
    await kubelet.expect(0, "one");
    await kubelet.expect(0, "two");
    await kubelet.expect(255, "\0");
    await kubelet.send(1, "after the end");
    await kubelet.finish(0);
  }, { stdin: input(["one", "two"]), stdout });
  assert.deepEqual(outcome, { kind: "succeeded" });
  assert.equal(stdout.text, "after the end");
});

Deno.test("remoteCommand() ends with the command though the input goes on", async () => {
  const outcome = await commandWith(
    (kubelet) => kubelet.finish(0),
    { stdin: input([], { end: false }) },
  );
  assert.deepEqual(outcome, { kind: "succeeded" });
});

Deno.test("remoteCommand() sends the sizes of the terminal", async () => {
  const outcome = await commandWith(async (kubelet) => {
    await kubelet.expect(4, '{"Width":80,"Height":24}');
    await kubelet.expect(4, '{"Width":100,"Height":30}');
    await kubelet.finish(0);
  }, {
    async *sizes({ signal }): AsyncGenerator<TerminalSize> {
      yield { columns: 80, rows: 24 };
      yield { columns: 100, rows: 30 };
      await new Promise((resolve) =>
        signal.addEventListener("abort", resolve, { once: true })
      );
    },
  });
  assert.deepEqual(outcome, { kind: "succeeded" });
});

Deno.test("remoteCommand() reads the next message when the last one is written", async () => {
  let writing = 0;
  let most = 0;
  const outcome = await commandWith(async (kubelet) => {
    for (let i = 0; i < 100; i++) {
      await kubelet.send(1 + i % 2, new Uint8Array(5000));
    }
    await kubelet.finish(0);
  }, { stdout: { write }, stderr: { write } });
  async function write(): Promise<void> {
    most = Math.max(most, ++writing);
    await Promise.resolve();
    writing--;
  }
  assert.deepEqual(outcome, { kind: "succeeded" });
  assert.equal(most, 1);
});

Deno.test("remoteCommand() rejects when an output fails", async () => {
  await assert.rejects(
    commandWith(async (kubelet) => {
      await kubelet.send(1, "hello");
      assert.equal(await kubelet.connection.read(), undefined);
    }, { stdout: { write: () => Promise.reject(new Error("full")) } }),
    { message: "full" },
  );
});

Deno.test("remoteCommand() rejects when the input cannot be read, and lets go of the command", async () => {
  await assert.rejects(
    commandWith(async (kubelet) => {
      assert.equal(await kubelet.connection.read(), undefined);
    }, { stdin: { read: () => Promise.reject(new Error("a directory")) } }),
    { message: "a directory" },
  );
});

Deno.test("remoteCommand() lets go of the command when aborted", async () => {
  const stop = new AbortController();
  await assert.rejects(
    commandWith(
      async (kubelet) => {
        await kubelet.expect(0, "x");
        stop.abort(new Error("enough"));
        assert.equal(await kubelet.connection.read(), undefined);
      },
      { stdin: input(["x"], { end: false }) },
      stop,
    ),
    { message: "enough" },
  );
});
