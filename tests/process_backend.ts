import { abortable } from "../async/abort.ts";
import type { KubeletContext } from "../kubelet/context.ts";
import { connectLocally } from "../kubelet/streaming/test_ports.ts";
import type { ContainerAccess, ProcessStreams } from "../providers/runtime.ts";

/** Which commands of a {@linkcode processBackend} run now. */
export interface Running {
  /** How many. */
  count: number;
}

/**
 * A backend whose containers are this machine: exec runs its programs, and port-forward reaches
 * its ports. `terminal` is a program of its own that shows what a terminal does, and attach meets
 * a program that answers each line.
 */
export function processBackend(running: Running): KubeletContext["backend"] {
  const exec: NonNullable<ContainerAccess["exec"]> = async (
    _ref,
    command,
    options,
  ) => {
    running.count++;
    try {
      return command[0] === "terminal"
        ? await showTerminal(options)
        : await runProcess(command, options);
    } finally {
      running.count--;
    }
  };
  return {
    exec,
    attach: async (_ref, { stdin, stdout, signal }) => {
      const writer = stdout?.getWriter();
      await writer?.write(encode("attached\n"));
      const lines = textOf(stdin).getReader();
      for (;;) {
        const { done, value } = await abortable(
          lines.read(),
          { signal },
        );
        if (done) break;
        await writer?.write(encode(`you said ${value}`));
      }
    },
    portForward: (_podUid, port) => connectLocally(port),
  };
}

type ExecOptions = ProcessStreams & { readonly signal: AbortSignal };

async function runProcess(
  [program = "", ...args]: readonly string[],
  { stdin, stdout, stderr, signal }: ExecOptions,
): Promise<number> {
  await using child = new Deno.Command(program, {
    args,
    stdin: stdin ? "piped" : "null",
    stdout: stdout ? "piped" : "null",
    stderr: stderr ? "piped" : "null",
    signal,
  }).spawn();
  const ended = new AbortController();
  const input = stdin?.pipeTo(child.stdin, { signal: ended.signal })
    .catch(() => undefined); // the program need not read it all
  const open = { preventClose: true, preventAbort: true };
  const copies = [
    stdout && child.stdout.pipeTo(stdout, open),
    stderr && child.stderr.pipeTo(stderr, open),
  ];
  await Promise.allSettled(copies);
  const { code } = await child.status;
  ended.abort();
  await input;
  return code;
}

/** Tells each size, repeats what is typed in capitals, and ends with 3 at a "q". */
async function showTerminal(
  { stdin, stdout, tty, resize, signal }: ExecOptions,
): Promise<number> {
  const writer = stdout?.getWriter();
  const say = async (text: string) => await writer?.write(encode(text));
  await say(tty ? "a terminal\r\n" : "no terminal\r\n");
  const ended = new AbortController();
  const sizes = (async () => {
    const reader = (resize ?? ReadableStream.from([])).getReader();
    for (;;) {
      const size = await abortable(
        reader.read(),
        ended,
      );
      if (size.done) return;
      await say(`${size.value.columns}x${size.value.rows}\r\n`);
    }
  })().catch(() => undefined); // aborted
  const keys = textOf(stdin).getReader();
  try {
    for (;;) {
      const { done, value = "" } = await abortable(
        keys.read(),
        { signal },
      );
      if (done) return 0;
      await say(value.toUpperCase());
      if (value.includes("q")) return 3;
    }
  } finally {
    ended.abort();
    await sizes;
  }
}

function textOf(
  stream: ReadableStream<Uint8Array> = ReadableStream.from([]),
): ReadableStream<string> {
  const decoder = new TextDecoder();
  return stream.pipeThrough(
    new TransformStream<Uint8Array, string>({
      transform: (bytes, controller) =>
        controller.enqueue(decoder.decode(bytes, { stream: true })),
    }),
  );
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
