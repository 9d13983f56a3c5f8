import type { AbortOptions } from "../async/abort.ts";
import type { ContainerRuntime, ObservedPod } from "../providers/runtime.ts";

/** Lets go once of what a pod that has ended holds on its node, as the kubelet does. */
export class PodRelease {
  readonly #runtime: Pick<ContainerRuntime, "endSandbox">;
  #isDone = false;

  constructor(runtime: Pick<ContainerRuntime, "endSandbox">) {
    this.#runtime = runtime;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** For a pod of which nothing will be started again; nothing happens while something runs. */
  async run(
    { uid, sandbox, containers }: ObservedPod,
    options: AbortOptions,
  ): Promise<void> {
    const runs = containers.some(({ state }) => state.kind === "running");
    if (this.#isDone || runs) return;
    if (sandbox === "ready") await this.#runtime.endSandbox?.(uid, options);
    this.#isDone = true;
  }
}
