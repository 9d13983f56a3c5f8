import assert from "node:assert/strict";
import { runProgram } from "./memory/program.ts";
import type { Program } from "./program_host.ts";
import { ProgramRuntime } from "./program_runtime.ts";
import type { ContainerSpec } from "./container_spec.ts";
import type { TerminalSize } from "./runtime.ts";
import { plainContainer, plainSandbox } from "./test_specs.ts";

const options = { signal: AbortSignal.timeout(60_000) };
const ref = { podUid: "uid-1", container: "main" };
const encoder = new TextEncoder();

/** A runtime with one container that runs `args`. */
async function running(
  args: readonly string[],
  spec: Partial<ContainerSpec> = {},
  run: Program = runProgram,
): Promise<ProgramRuntime> {
  const runtime = new ProgramRuntime({ run });
  await runtime.createSandbox(
    plainSandbox({ uid: "uid-1", namespace: "default", name: "pod" }),
    options,
  );
  await runtime.startContainer("uid-1", {
    ...plainContainer({ image: "program", imageId: "program" }),
    args,
    ...spec,
  }, options);
  return runtime;
}

function collected() {
  const chunks: string[] = [];
  const decoder = new TextDecoder();
  const sink = new WritableStream<Uint8Array>({
    write: (chunk) => void chunks.push(decoder.decode(chunk)),
  });
  return { sink, text: () => chunks.join("") };
}

Deno.test("ProgramRuntime connects clients to a program, and the first one's end of input", async () => {
  await using runtime = await running(["cat"], {
    stdin: true,
    stdinOnce: true,
  });
  const [first, second] = [collected(), collected()];
  await Promise.all([
    runtime.attach(ref, { stdout: second.sink, ...options }),
    runtime.attach(ref, {
      stdin: new Blob(["text"]).stream(),
      stdout: first.sink,
      ...options,
    }),
  ]);
  assert.deepEqual([first.text(), second.text()], ["text", "text"]);
});

Deno.test("ProgramRuntime does not stop a program for a client that does not read", async () => {
  await using runtime = await running(
    ["sleep", "10", "bytes", "20000000", "echo", ""],
  );
  const stuck = new WritableStream({ write: () => new Promise(() => {}) });
  await assert.rejects(
    runtime.attach(ref, { stdout: stuck, ...options }),
    /the reader is too slow/,
  );
  for await (const _ of runtime.changes(options)) {
    const { containers: [main] } = await runtime.observe("uid-1", options);
    if (main?.state.kind === "terminated") break;
  }
});

Deno.test("ProgramRuntime tells a program the size of its terminal, and of Ctrl-C", async () => {
  await using runtime = await running(["size"], { tty: true, stdin: true });
  const sizes = new TransformStream<TerminalSize, TerminalSize>();
  const [keys, screen] = [new TransformStream(), collected()];
  const told = Promise.withResolvers<void>();
  const shown = screen.sink.getWriter();
  const attached = runtime.attach(ref, {
    tty: true,
    stdin: keys.readable,
    stdout: new WritableStream<Uint8Array>({
      write: async (chunk) => {
        await shown.write(chunk);
        told.resolve();
      },
    }),
    resize: sizes.readable,
    ...options,
  });
  await sizes.writable.getWriter().write({ columns: 80, rows: 24 });
  await told.promise;
  await keys.writable.getWriter().write(new Uint8Array([3]));
  await attached;
  const { containers: [main] } = await runtime.observe("uid-1", options);
  assert.equal(main?.state.kind, "terminated");
  assert.equal(main.state.exit.code, 130);
  assert.equal(screen.text(), "80x24\r\n^C");
});

Deno.test("ProgramRuntime gives a command what is typed, line by line", async () => {
  await using runtime = await running(["spin"]);
  const screen = collected();
  const code = await runtime.exec(ref, ["cat"], {
    tty: true,
    stdin: new Blob(["hello\r\x04"]).stream(),
    stdout: screen.sink,
    ...options,
  });
  assert.equal(code, 0);
  assert.equal(screen.text(), "hello\r\nhello\r\n");
});

Deno.test("ProgramRuntime says what a command threw", async () => {
  const run: Program = ({ args }) =>
    args.length > 0
      ? Promise.reject(new Error("no such command"))
      : new Promise(() => {});
  const runtime = await running([], {}, run);
  const errors = collected();
  const streams = { stderr: errors.sink, ...options };
  assert.equal(await runtime.exec(ref, ["any"], streams), 1);
  assert.equal(errors.text(), "no such command\n");
});

Deno.test("ProgramRuntime reads no input that a command does not ask for", async () => {
  await using runtime = await running(["spin"]);
  let read = 0;
  let cancelled = false;
  const stdin = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      read++;
      controller.enqueue(encoder.encode("x"));
    },
    cancel: () => {
      cancelled = true;
    },
  }, { highWaterMark: 0 });
  assert.equal(await runtime.exec(ref, ["echo", ""], { stdin, ...options }), 0);
  assert.equal(read, 0);
  assert.ok(cancelled);
});

Deno.test("ProgramRuntime moves a gigabyte through a command in bounded memory", async () => {
  await using runtime = await running(["spin"]);
  let count = 0;
  let most = 0;
  const rest = Deno.memoryUsage().rss;
  const stdout = new WritableStream<Uint8Array>({
    write(chunk) {
      count += chunk.length;
      most = Math.max(most, Deno.memoryUsage().rss - rest);
    },
  });
  const command = ["bytes", `${2 ** 30}`];
  await runtime.exec(ref, command, { stdout, ...options });
  assert.equal(count, 2 ** 30);
  assert.ok(most < 100 * 2 ** 20, `${most}`);
});
