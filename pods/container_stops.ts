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
  /** Where the stop goes on. */
  readonly group: TaskGroup;
  readonly record: RecordContainerEvent;
  /** Called when there is something to look at again. */
  retry(options: { readonly after: number }): void;
}

/** The containers of one pod that are being stopped, in the background. */
export class ContainerStops {
  readonly #runtime: Pick<ContainerRuntime, "stopContainer">;
  /** The grace that each container was given. */
  readonly #current = new Map<string, number>();
  readonly #graces = new StopGraces();

  constructor(runtime: Pick<ContainerRuntime, "stopContainer">) {
    this.#runtime = runtime;
  }

  /** Takes note of what still runs. */
  observe(observed: ObservedPod): void {
    this.#graces.keep(observed);
  }

  /** Stops a container, unless it is being stopped as fast already. */
  stop(ref: ContainerRef, options: StopOptions): void {
    const { graceSeconds, group, record } = options;
    const { container } = ref;
    const current = this.#current.get(container);
    if (current !== undefined && current <= graceSeconds) return;
    this.#current.set(container, graceSeconds);
    if (!this.#graces.has(container)) {
      record("Normal", "Killing", `Stopping container ${container}`);
    }
    const left = this.#graces.left(container, graceSeconds);
    group.spawn(async (signal) => {
      let after = 0;
      try {
        await this.#runtime.stopContainer(ref, { graceSeconds: left, signal });
        this.#graces.forget(container);
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
