import { abortable, type AbortOptions } from "../../async/abort.ts";
import { Deadline } from "../../async/deadline.ts";
import { delay } from "../../async/delay.ts";
import { UnreachableError } from "../errors.ts";
import type { ProcessStreams } from "../runtime.ts";
import type { ExecInspect } from "./engine/api_types.ts";
import type { EngineClient } from "./engine/engine_client.ts";
import { endCommand } from "./end_command.ts";
import type { Host } from "./host.ts";
import { notRunning } from "./not_running.ts";
import { connectProcess } from "./process_connection.ts";

/** What of an engine commands in containers need. */
export type ExecEngine = Pick<
  EngineClient,
  | "execCreate"
  | "execStart"
  | "execInspect"
  | "execResize"
  | "inspectContainer"
>;

/** The code of a process that SIGKILL ended, as those of a container that was removed. */
const killedCode = 137;
/** Milliseconds that the start of a command may still take when nobody wants it any more. */
const startingTime = 4_000;

/**
 * Runs a command in a running container and resolves its exit code. Aborting kills it and what is
 * in its session, before this rejects. Rejects with `Deno.errors.NotFound` for a container
 * that does not run, and with an `UnreachableError` when the link to the host is lost meanwhile:
 * what becomes of the command is not known then.
 */
export async function execInContainer(
  engine: ExecEngine,
  host: Host,
  id: string,
  command: readonly string[],
  { signal, tty = false, ...streams }: ProcessStreams & AbortOptions,
): Promise<number> {
  signal.throwIfAborted();
  const stdin = streams.stdin !== undefined;
  const execId = await notRunning(
    id,
    engine.execCreate(id, { command, stdin, tty }, { signal }),
  );
  const over = new AbortController();
  const link = watchLink(host, over);
  const running = {
    signal: AbortSignal.any([signal, over.signal]),
  };
  try {
    const start = engine.execStart(execId, { tty, signal: over.signal });
    const connection = await notRunning(id, patiently(start, { signal }));
    await connectProcess({
      connection,
      tty,
      inputEnds: true,
      resize: (size, options) => engine.execResize(execId, size, options),
    }, { ...streams, ...running });
    const state = await ended(engine, execId, running);
    over.abort();
    return exitCode(id, state);
  } catch (error) {
    const atWork = !over.signal.aborted && !(error instanceof UnreachableError);
    if (atWork) await endCommand({ engine, host, container: id, execId });
    throw error;
  } finally {
    over.abort();
    await link;
  }
}

/**
 * Waits for the start of a command, after an abort too, for a while: Podman forgets a command whose
 * start is given up, and runs it nevertheless.
 */
async function patiently<T>(
  start: Promise<T>,
  { signal }: AbortOptions,
): Promise<T> {
  try {
    return await abortable(start, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
    using deadline = new Deadline(startingTime, {
      signal: new AbortController().signal,
    });
    await abortable(start, deadline).catch(() => undefined); // nothing to end, or nothing more to do
    throw error;
  }
}

/** Aborts `over` with an `UnreachableError` once the host cannot be reached. Never rejects. */
async function watchLink(host: Host, over: AbortController): Promise<void> {
  for await (const now of host.changes(over)) {
    if (now.kind === "reachable") continue;
    over.abort(new UnreachableError(now.message));
  }
}

/** Engines notice the end of a command a little after that of its outputs. */
async function ended(
  engine: ExecEngine,
  execId: string,
  options: AbortOptions,
): Promise<ExecInspect | undefined> {
  for (let wait = 5;; wait = Math.min(wait * 2, 1_000)) {
    const state = await engine.execInspect(execId, options);
    if (state?.Running !== true) return state;
    await delay(wait, options);
  }
}

function exitCode(container: string, state: ExecInspect | undefined): number {
  if (state === undefined) return killedCode;
  const { ExitCode: code = 0, Pid: pid = 0 } = state;
  if (pid === 0 && (code === 126 || code === 127)) {
    throw new Error(
      `Cannot run a command in container ${container}: it is not there or cannot be executed`,
    );
  }
  return code < 0 ? killedCode : code;
}
