import { abortable, type AbortOptions } from "../../async/abort.ts";
import type { DuplexStream } from "../../async/byte_stream.ts";
import { getLogger } from "../../async/log.ts";
import { ConnectedStreams } from "../connected_streams.ts";
import { pump } from "../pump.ts";
import type { ProcessStreams, TerminalSize } from "../runtime.ts";
import { demultiplex } from "./engine/demultiplex.ts";

/** What is at the other end of a connection that an engine has handed over. */
export interface ConnectedProcess {
  readonly connection: DuplexStream;
  /** Whether it has a terminal: then there is one output, which is not framed. */
  readonly tty: boolean;
  /** Whether its input ends when ours does. */
  readonly inputEnds: boolean;
  /** Sets the size of its terminal. */
  resize(size: TerminalSize, options: AbortOptions): Promise<void>;
}

/**
 * Connects streams to a process until its outputs have ended; the connection is dropped then.
 *
 * A slow reader slows the process down. Rejects with what an output failed with, with an
 * `UnreachableError` when the connection ends inside a frame, and with the signal's reason.
 */
export async function connectProcess(
  { connection, tty, inputEnds, resize }: ConnectedProcess,
  { stdin, stdout, stderr, resize: sizes, signal }:
    & ProcessStreams
    & AbortOptions,
): Promise<void> {
  // The terminal is at the other end: nothing is left to do for one here.
  using streams = new ConnectedStreams({
    ...(stdin && { stdin }),
    ...(stdout && { stdout }),
    ...(stderr && { stderr }),
    ...(sizes && { resize: sizes }),
  });
  const over = new AbortController();
  const either = { signal: AbortSignal.any([signal, over.signal]) };
  const input = quietly("the input", either, async () => {
    if (streams.stdin === undefined) return;
    await pump(streams.stdin, (chunk) => connection.write(chunk), either);
    if (inputEnds) await connection.closeWrite();
  });
  const terminal = quietly("the size of the terminal", either, async () => {
    if (streams.resize === undefined) return;
    const set = (size: TerminalSize) => resize(size, either);
    await pump(streams.resize, set, either);
  });
  try {
    const output = tty
      ? copyOutput(connection, streams)
      : demultiplex(connection, {
        stdout: (bytes) => streams.write("stdout", bytes),
        stderr: (bytes) => streams.write("stderr", bytes),
      });
    await abortable(output, { signal });
    // Dropping the connection looks like the end of the outputs.
    signal.throwIfAborted();
  } finally {
    over.abort();
    connection.destroy();
    await Promise.all([input, terminal]);
  }
}

async function copyOutput(
  connection: DuplexStream,
  streams: ConnectedStreams,
): Promise<void> {
  for (;;) {
    const bytes = await connection.read();
    if (bytes === undefined) return;
    await streams.write("stdout", bytes.slice());
  }
}

/** Never rejects: what a process does not take is no failure of its outputs. */
async function quietly(
  what: string,
  { signal }: AbortOptions,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (signal.aborted) return;
    getLogger("ssh").debug("Lost a stream to a process", { what, error });
  }
}
