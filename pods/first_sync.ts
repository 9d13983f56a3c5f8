import { messageOf } from "../async/message_of.ts";
import type { AbortOptions } from "../async/abort.ts";
import { Deadline } from "../async/deadline.ts";

/** Options for {@linkcode waitForSync}. */
export interface FirstSyncOptions extends AbortOptions {
  /** Asks the API server directly, to learn why a watch does not deliver. */
  readonly probe: (options: AbortOptions) => Promise<unknown>;
  /** Milliseconds to wait for the watch, and then for the probe; 5 s by default. */
  readonly patience?: number;
}

/**
 * Waits until a watch has delivered once; if it takes too long, the error says why.
 *
 * @param what Is read, in the words of an error message: `configmap "a"`.
 */
export async function waitForSync(
  synced: (options: AbortOptions) => Promise<void>,
  what: string,
  { probe, patience = 5_000, signal }: FirstSyncOptions,
): Promise<void> {
  using wait = new Deadline(patience, { signal });
  try {
    return await synced(wait);
  } catch (error) {
    if (!wait.expired) throw error;
  }
  using answer = new Deadline(patience, { signal });
  try {
    await probe(answer);
  } catch (error) {
    signal.throwIfAborted();
    const why = messageOf(error);
    throw new Error(`Cannot read ${what}: ${why}`, { cause: error });
  }
  throw new Error(
    `Cannot read ${what}: the API server answers, but its watch has not delivered yet`,
  );
}
