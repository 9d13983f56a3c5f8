import type { AbortOptions } from "../../async/abort.ts";
import type { TaskGroup } from "../../async/task_group.ts";
import type { CommandChannels, WantedChannels } from "./channels.ts";
import { defaultStreamIdleTimeout, untilIdle } from "./port_forward.ts";

/** Options of everything that carries the channels of an exec or attach. */
export interface CommandSessionOptions extends AbortOptions {
  /** As it was negotiated, such as `v4.channel.k8s.io`. */
  readonly protocol: string;
  readonly wanted: WantedChannels;
  /** The session ends when nothing was said for so many milliseconds; 4 hours by default. */
  readonly idleMs?: number;
  /** How long a client may take to open its streams; 30 s by default. Of SPDY only. */
  readonly creationMs?: number;
  /** How long a client may take to read what is left after the command's end; 15 min by default. */
  readonly finishMs?: number;
}

/** Runs a command on the channels of a session; it calls `finish` in the end. */
export type UseChannels = (channels: CommandChannels) => Promise<void>;

/**
 * What slow lines need to drain the buffers on the way: cri-streaming, remotecommand/httpstream.go.
 */
export const defaultFinishMs = 15 * 60 * 1000;

/** Whether the client of a session is there, and when it or the command last said something. */
export class SessionLife {
  readonly #left = new AbortController();
  #activeAt = Date.now();

  /** Aborts when the client is gone. */
  get left(): AbortSignal {
    return this.#left.signal;
  }

  /** Something was said. */
  touch(): void {
    this.#activeAt = Date.now();
  }

  /** The client is gone. Repeatable. */
  leave(why = "The client has left"): void {
    if (!this.left.aborted) this.#left.abort(new Error(why));
  }

  /** Calls `end` once nothing was said for `idleMs`. */
  watch(
    tasks: TaskGroup,
    { idleMs = defaultStreamIdleTimeout, end }: {
      readonly idleMs: number | undefined;
      readonly end: () => Promise<void>;
    },
  ): void {
    tasks.spawn(async (signal) => {
      await untilIdle(() => this.#activeAt, idleMs, { signal });
      if (signal.aborted) return;
      this.leave("Nothing was said for too long");
      await end();
    });
  }

  /** An output whose chunks are handed to `write`, one at a time, and must not change meanwhile. */
  output(
    write: (bytes: Uint8Array) => Promise<void>,
  ): WritableStream<Uint8Array> {
    return new WritableStream({
      write: async (bytes) => {
        await write(bytes);
        this.touch();
      },
    });
  }
}
