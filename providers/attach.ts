import { abortable, type AbortOptions } from "../async/abort.ts";
import { getLogger } from "../async/log.ts";
import {
  ConnectedStreams,
  type ConnectedStreamsOptions,
} from "./connected_streams.ts";
import type { OutputFan } from "./output_fan.ts";
import { pump } from "./pump.ts";

/** A running process to which any number of clients can be connected. */
export interface AttachableProcess {
  readonly output: OutputFan;
  /** Where its input goes; undefined where it has none. */
  readonly input: WritableStreamDefaultWriter<Uint8Array> | undefined;
  /** Whether its input ends with that of the first client. */
  readonly stdinOnce: boolean;
  readonly ended: Promise<unknown>;
}

/**
 * Connects streams to a process until it ends: its output from now on, and its input. Aborting lets
 * go of it, and so does an output that is read too slowly, with an error.
 */
export async function attachTo(
  process: AttachableProcess,
  { signal, ...options }: ConnectedStreamsOptions & AbortOptions,
): Promise<void> {
  using streams = new ConnectedStreams(options);
  const over = new AbortController();
  const either = { signal: AbortSignal.any([signal, over.signal]) };
  const input = feed(process, streams.stdin, either);
  try {
    const outputs = (["stdout", "stderr"] as const)
      .filter((stream) => streams.has(stream))
      .map((stream) =>
        pump(
          process.output.read(stream),
          (chunk) => streams.write(stream, chunk),
          either,
        )
      );
    await Promise.all([...outputs, abortable(process.ended, { signal })]);
  } finally {
    over.abort();
    await input;
  }
}

/** Gives the process what `stdin` gives until that ends or the signal aborts; never rejects. */
async function feed(
  { input, stdinOnce }: AttachableProcess,
  stdin: ReadableStream<Uint8Array> | undefined,
  { signal }: AbortOptions,
): Promise<void> {
  try {
    if (input === undefined) return await stdin?.cancel();
    if (stdin === undefined) return;
    await pump(stdin, (chunk) => input.write(chunk), { signal });
    if (stdinOnce) await input.close();
  } catch (error) {
    if (signal.aborted) return;
    // A process may close its input when it likes.
    getLogger("providers").debug("Ended the input of a process", { error });
  }
}
