import type { AbortOptions } from "../async/abort.ts";
import { type Backoff, backoffDelay, jitter } from "../async/backoff.ts";
import { delay } from "../async/delay.ts";
import { messageOf } from "../async/message_of.ts";
import { UnreachableError } from "./errors.ts";
import { type SpawnScript, watchLogind } from "./logind.ts";
import type { MachineShutdown } from "./machine_shutdown.ts";

/** A machine with a shell. */
export interface WatchedMachine {
  readonly spawn: SpawnScript;
  /** Resolves once scripts can run there. */
  connected(options: AbortOptions): Promise<void>;
  /** Resolves once they cannot any more: it may be another machine afterwards. */
  lost(options: AbortOptions): Promise<void>;
}

/** Between attempts on a machine that can be reached. */
const retry: Backoff = { base: 1_000, cap: 300_000 };

/** Tells of a machine's shutdown by its logind until aborted; then ends. Watches it anew when it is back. */
export async function* watchMachine(
  machine: WatchedMachine,
  { signal }: AbortOptions,
): AsyncGenerator<MachineShutdown> {
  for (let failures = 0; !signal.aborted;) {
    try {
      await machine.connected({ signal });
      let isWatched = true;
      for await (const news of watchLogind(machine.spawn, { signal })) {
        isWatched = news.kind !== "unwatched";
        if (isWatched) failures = 0;
        yield news;
      }
      // What it has not got it gets at its next start at best.
      if (!isWatched) await machine.lost({ signal });
    } catch (error) {
      if (signal.aborted) return;
      failures++;
      if (!(error instanceof UnreachableError)) {
        yield { kind: "unwatched", message: messageOf(error) };
      }
    }
    await delay(jitter(backoffDelay(failures, retry)), { signal })
      .catch(() => undefined); // aborted: the loop ends
  }
}
