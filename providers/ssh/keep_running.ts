import type { AbortOptions } from "../../async/abort.ts";
import { type Backoff, backoffDelay, jitter } from "../../async/backoff.ts";
import { delay } from "../../async/delay.ts";
import { getLogger } from "../../async/log.ts";

/** What {@linkcode keepRunning} runs. */
export interface LastingTask {
  /** For the log: the host, and what is done for it. */
  readonly host: string;
  readonly task: string;
  readonly run: (options: AbortOptions) => Promise<void>;
  /** 1 s to a minute unless given. */
  readonly retry?: Backoff;
}

const log = getLogger("ssh");

/**
 * Runs a task until it is done, and again whenever it fails: nobody waits for what goes on in the
 * background, and a fault there must neither pass unseen nor end the rest. Never rejects.
 */
export async function keepRunning(
  { host, task, run, retry = { base: 1_000, cap: 60_000 } }: LastingTask,
  { signal }: AbortOptions,
): Promise<void> {
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      return await run({ signal });
    } catch (error) {
      if (signal.aborted) return;
      log.error("A task in the background failed; starting it again", {
        host,
        task,
        error,
      });
    }
    await delay(jitter(backoffDelay(failures, retry)), { signal })
      .catch(() => undefined); // aborted: the loop ends
  }
}
