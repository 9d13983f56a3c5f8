import type { AbortOptions } from "../../async/abort.ts";
import type { Status } from "../../k8s/types.ts";
import type { ProcessStreams } from "../../providers/runtime.ts";

/** What a request to exec or attach asks for. */
export interface WantedChannels {
  readonly stdin: boolean;
  readonly stdout: boolean;
  /** Never together with `tty`. */
  readonly stderr: boolean;
  readonly tty: boolean;
}

/**
 * The channels of one exec or attach session, whatever protocol carries them. Its signal aborts
 * when the client is gone.
 */
export interface CommandChannels extends ProcessStreams, AbortOptions {
  /**
   * Tells the client the outcome, ends every channel, and resolves when the connection is gone.
   * A client that is gone already is no failure.
   */
  finish(outcome: Status): Promise<void>;
}
