import type { AbortOptions } from "../../async/abort.ts";
import { delay } from "../../async/delay.ts";
import { UnreachableError } from "../errors.ts";
import type { ProcessStreams } from "../runtime.ts";
import type { EngineClient } from "./engine/engine_client.ts";
import { notRunning } from "./not_running.ts";
import { connectProcess } from "./process_connection.ts";

/** What of an engine connections to containers need. */
export type AttachEngine = Pick<
  EngineClient,
  "attach" | "inspectContainer" | "resizeContainer"
>;

/** How the container's own process was started. */
export interface AttachTraits {
  readonly tty: boolean;
  /** Whether its input ends with that of the first client. */
  readonly stdinOnce: boolean;
}

/** Milliseconds until an engine must have noticed the end of a container whose outputs ended. */
const noticeTime = 10_000;

/**
 * Connects to the streams of a container's own process and resolves when that has ended. Aborting
 * lets go of it. Rejects with `Deno.errors.NotFound` for a container that does not run, and with an
 * `UnreachableError` when the connection is lost meanwhile.
 */
export async function attachToContainer(
  engine: AttachEngine,
  id: string,
  { tty, stdinOnce }: AttachTraits,
  { signal, ...streams }: ProcessStreams & AbortOptions,
): Promise<void> {
  signal.throwIfAborted();
  const stdin = streams.stdin !== undefined;
  const connection = await notRunning(
    id,
    engine.attach(id, { stdin, signal }),
  );
  await connectProcess({
    connection,
    tty,
    inputEnds: stdinOnce,
    resize: (size, options) => engine.resizeContainer(id, size, options),
  }, { ...streams, signal });
  const begun = performance.now();
  for (let wait = 10;; wait = Math.min(wait * 2, 1_000)) {
    const inspect = await engine.inspectContainer(id, { signal });
    if (inspect?.State.Running !== true) return;
    if (performance.now() - begun > noticeTime) break;
    await delay(wait, { signal });
  }
  throw new UnreachableError(
    `Cannot stay connected to container ${id}: the connection was lost`,
  );
}
