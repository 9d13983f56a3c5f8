import { Buffer } from "node:buffer";
import { abortable } from "../../../async/abort.ts";
import { UnreachableError } from "../../errors.ts";
import type { CommandEnd, CommandResult, RunOptions } from "../host.ts";
import { targetName } from "./connect_error.ts";
import type { ConnectionPool } from "./connection_pool.ts";
import type { SessionProcess } from "./remote_process.ts";
import { shellCommand } from "./shell_command.ts";

const defaultMaxOutputBytes = 1024 * 1024;

/**
 * Runs a script to its end, as `Host.run` says. Aborting closes its session; what it runs on the
 * host then ends as it notices (sshd sends no signals to root's commands).
 */
export async function runScript(
  connections: ConnectionPool,
  script: string,
  args: readonly string[],
  { signal, stdin, maxOutputBytes = defaultMaxOutputBytes }: RunOptions,
): Promise<CommandResult> {
  const command = shellCommand(script, args);
  await using process = await connections.exec(command, { signal });
  const budget = { left: maxOutputBytes, of: maxOutputBytes };
  // Whoever ends without reading its input closes it under us, which is its right.
  const fed = feed(process, stdin);
  fed.catch(() => undefined);
  const [stdout, stderr, end] = await abortable(
    Promise.all([
      collect(process.stdout, budget),
      collect(process.stderr, budget),
      process.ended,
      failedInput(fed, stdin),
    ]),
    { signal },
  );
  return { code: exitCode(end, connections), stdout, stderr };
}

async function feed(
  { stdin }: SessionProcess,
  input: RunOptions["stdin"],
): Promise<void> {
  if (input instanceof ReadableStream) return await input.pipeTo(stdin);
  const writer = stdin.getWriter();
  if (input !== undefined) {
    await writer.write(
      typeof input === "string" ? new TextEncoder().encode(input) : input,
    );
  }
  await writer.close();
}

/** Rejects when a stream that was to be the input failed; all else is seen in the command's end. */
async function failedInput(
  fed: Promise<void>,
  input: RunOptions["stdin"],
): Promise<void> {
  if (!(input instanceof ReadableStream)) return;
  await fed.catch((error: unknown) => {
    if (error instanceof Deno.errors.BrokenPipe) return;
    throw error;
  });
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  budget: { left: number; readonly of: number },
): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) {
    budget.left -= chunk.length;
    if (budget.left < 0) {
      throw new RangeError(
        `Cannot take the output of a command: more than ${budget.of} bytes`,
      );
    }
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

/** As a shell tells it: 128 and the number of the signal that ended it. */
function exitCode(
  { code, signal }: CommandEnd,
  { target }: ConnectionPool,
): number {
  if (code !== undefined) return code;
  if (signal !== undefined) return 128 + (signalNumbers[signal] ?? 0);
  throw new UnreachableError(
    `Lost the connection to ${targetName(target)} while a command ran`,
  );
}

/** Those of POSIX, which are the same on every system. */
const signalNumbers: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ABRT: 6,
  KILL: 9,
  SEGV: 11,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
};
