import { abortable, type AbortOptions } from "../async/abort.ts";
import { Deadline } from "../async/deadline.ts";
import { getLogger } from "../async/log.ts";
import { messageOf } from "../async/message_of.ts";
import type { TaskGroup } from "../async/task_group.ts";
import type {
  ContainerRef,
  ContainerRuntime,
  ObservedPod,
} from "../providers/runtime.ts";
import type { RecordContainerEvent } from "./images.ts";
import { StopGraces } from "./stop_graces.ts";
import { isUnreachable, unreachableRetry } from "./unreachable.ts";

const log = getLogger("pods");
/** How long after a failure a container is asked to stop again. */
const stopRetry = 2_000;

/** Options for {@linkcode ContainerStops.stop}. */
export interface StopOptions {
  readonly graceSeconds: number;
  /** What the Event says of it; that the container is being stopped unless given. */
  readonly message?: string;
  /** Whether its grace counts from when the first container of the pod was asked to end. */
  readonly ofPod?: true;
  /** Where the stop goes on. */
  readonly group: TaskGroup;
  readonly record: RecordContainerEvent;
  /** What comes before the container is asked to end, within its grace; it fails on its own. */
  preStop(options: AbortOptions): Promise<unknown>;
  /** Called when there is something to look at again. */
  retry(options: { readonly after: number }): void;
}

/** The containers of one pod that are being stopped, in the background. */
export class ContainerStops {
  readonly #runtime: Pick<ContainerRuntime, "stopContainer">;
  /** The grace that each container was given. */
  readonly #current = new Map<string, number>();
  readonly #graces = new StopGraces();
  /** The hooks that were begun, by container. */
  readonly #hooks = new Map<string, Promise<void>>();

  constructor(runtime: Pick<ContainerRuntime, "stopContainer">) {
    this.#runtime = runtime;
  }

  /** Takes note of what still runs. */
  observe(observed: ObservedPod): void {
    this.#graces.keep(observed);
    for (const container of this.#hooks.keys()) {
      if (!this.#graces.has(container)) this.#hooks.delete(container);
    }
  }

  /** Whether the pod's containers were given so many seconds, and have had them. */
  isPodOver(graceSeconds: number): boolean {
    return this.#graces.isPodOver(graceSeconds);
  }

  /** Begins with what comes before the stop of a container whose turn has not come yet. */
  prepare({ container }: ContainerRef, options: StopOptions): void {
    const left = this.#announce(container, options);
    const seconds = Math.min(options.graceSeconds, left);
    if (seconds > 0 && !this.#hooks.has(container)) {
      void this.#begin(container, seconds, options);
    }
  }

  /** Stops a container, unless it is being stopped as fast already. */
  stop(ref: ContainerRef, options: StopOptions): void {
    const { graceSeconds, group, record, ofPod } = options;
    const { container } = ref;
    const current = this.#current.get(container);
    if (current !== undefined && current <= graceSeconds) return;
    this.#current.set(container, graceSeconds);
    this.#announce(container, options);
    const left = () => this.#graces.left(container, graceSeconds, { ofPod });
    group.spawn(async (signal) => {
      let after = 0;
      try {
        if (graceSeconds > 0) {
          const seconds = Math.min(graceSeconds, left());
          await this.#hook(container, seconds, options, signal);
        }
        const grace = { graceSeconds: left(), signal };
        await this.#runtime.stopContainer(ref, grace);
        this.#graces.forget(container);
        this.#hooks.delete(container);
      } catch (error) {
        if (signal.aborted) return;
        after = isUnreachable(error) ? unreachableRetry : stopRetry;
        if (!isUnreachable(error)) tellFailure(ref, error, record);
      } finally {
        if (this.#current.get(container) === graceSeconds) {
          this.#current.delete(container);
        }
        options.retry({ after });
      }
    });
  }

  /** Says once that the container is stopped, from when its grace counts; gives what is left of it. */
  #announce(
    container: string,
    { graceSeconds, record, ofPod, message }: StopOptions,
  ): number {
    if (!this.#graces.has(container)) {
      const text = message ?? `Stopping container ${container}`;
      record("Normal", "Killing", text);
    }
    return this.#graces.left(container, graceSeconds, { ofPod });
  }

  /** Waits for the container's hook, which is begun once, as long as its grace lasts. */
  async #hook(
    container: string,
    seconds: number,
    options: StopOptions,
    signal: AbortSignal,
  ): Promise<void> {
    using patience = new Deadline(seconds * 1_000, { signal });
    const hook = this.#hooks.get(container) ??
      this.#begin(container, seconds, options);
    try {
      await abortable(hook, patience);
    } catch (error) {
      if (!patience.expired || signal.aborted) throw error;
    }
  }

  #begin(
    container: string,
    seconds: number,
    { group, preStop }: StopOptions,
  ): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.#hooks.set(container, done.promise);
    // Whoever waits may have given up by the time that it fails.
    done.promise.catch(() => {});
    group.spawn(async (signal) => {
      using deadline = new Deadline(seconds * 1_000, { signal });
      try {
        await preStop(deadline);
        done.resolve();
      } catch (error) {
        if (signal.aborted || (isUnreachable(error) && !deadline.expired)) {
          // It may not have run: it is begun again with the next try.
          this.#hooks.delete(container);
          return done.reject(error);
        }
        if (!deadline.expired) {
          log.error("Cannot run hook", { container, error });
        }
        done.resolve();
      }
    });
    return done.promise;
  }
}

function tellFailure(
  ref: ContainerRef,
  error: unknown,
  record: RecordContainerEvent,
): void {
  log.error("Cannot stop container", { ...ref, error });
  const message = `error killing pod: ${messageOf(error)}`;
  record("Warning", "FailedKillPod", message);
}
