import { abortable, type AbortOptions } from "../async/abort.ts";
import type { LocalApi, LocalQuery } from "./local_api.ts";
import { printError } from "./output.ts";
import { OutputStream } from "./output_stream.ts";
import {
  remoteCommand,
  remoteCommandProtocol,
  type RemoteOutcome,
} from "./remote_command.ts";
import { RawTerminal, terminalSizes } from "./terminal.ts";

/** What of the user's terminal a command in a container gets. */
export interface SessionMode {
  readonly stdin: boolean;
  /** The terminal in raw mode, whose output has no second stream. */
  readonly tty: boolean;
}

/**
 * What the flags `-i` and `-t` come to: a terminal only with input that is one, as in kubectl,
 * which tells on standard error when it is none.
 */
export function sessionMode(
  { stdin = false, tty = false, quiet = false }: {
    readonly stdin?: boolean;
    readonly tty?: boolean;
    readonly quiet?: boolean;
  },
): SessionMode {
  if (!stdin || !tty) return { stdin, tty: false };
  if (Deno.stdin.isTerminal()) return { stdin, tty };
  if (!quiet) {
    printError(
      "Unable to use a TTY - input is not a terminal or the right kind of file\n",
    );
  }
  return { stdin, tty: false };
}

/**
 * Connects the standard streams of this process to a command in a container until it has ended.
 *
 * @param path Such as `/exec/default/web/app`.
 */
export async function runSession(
  api: Pick<LocalApi, "upgrade">,
  path: string,
  { mode: { stdin, tty }, query = {}, redraw = false, signal }: AbortOptions & {
    readonly mode: SessionMode;
    readonly query?: LocalQuery;
    /** Makes a program that runs already draw its screen again, by another size at first. */
    readonly redraw?: boolean;
  },
): Promise<RemoteOutcome> {
  const { stream } = await api.upgrade(path, {
    query: {
      ...query,
      input: stdin ? 1 : undefined,
      output: 1,
      error: tty ? undefined : 1,
      tty: tty ? 1 : undefined,
    },
    headers: {
      "Upgrade": "websocket",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": webSocketKey(),
      "Sec-WebSocket-Protocol": remoteCommandProtocol,
    },
    signal,
  });
  const stdout = new OutputStream(Deno.stdout);
  const stderr = new OutputStream(Deno.stderr);
  const stop = AbortSignal.any([signal, stdout.signal, stderr.signal]);
  try {
    if (!tty) {
      const input = stdin ? { stdin: Deno.stdin } : {};
      const streams = { ...input, stdout, stderr };
      return await remoteCommand(stream, streams, { signal: stop });
    }
    using terminal = await RawTerminal.take({ signal: stop });
    return await remoteCommand(stream, {
      stdin: Deno.stdin,
      stdout,
      sizes: (options) => terminalSizes({ ...options, redraw }),
    }, terminal);
  } finally {
    const flushed = Promise.all([stdout.flush(), stderr.flush()]);
    await abortable(flushed, { signal: stop });
  }
}

/** Tells on standard error how it ended, as kubectl does, and returns the exit code. */
export function reportOutcome(outcome: RemoteOutcome): number {
  switch (outcome.kind) {
    case "succeeded":
      return 0;
    case "exited":
      printError(`command terminated with exit code ${outcome.code}\n`);
      return outcome.code;
    case "failed":
      throw new Error(outcome.message);
    case "lost":
      throw new Error("Lost the connection to the agent");
  }
}

function webSocketKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes));
}
