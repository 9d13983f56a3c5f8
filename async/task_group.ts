/**
 * Tasks that live and die together: the first failure aborts the others, and leaving the scope
 * aborts and awaits them all. Errors surface from {@linkcode TaskGroup.join}.
 */
export class TaskGroup implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #tasks = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  /** Aborted with the parent, by a failing task, or when the scope is left. */
  readonly signal: AbortSignal;

  constructor(parent: AbortSignal) {
    this.signal = AbortSignal.any([parent, this.#stop.signal]);
  }

  /** Starts `task`; it should return soon after the group's signal aborts. */
  spawn(task: (signal: AbortSignal) => Promise<void>): void {
    const ended = () => this.#tasks.delete(running);
    const running: Promise<void> = this.#run(task, ended);
    this.#tasks.add(running);
  }

  /** Waits for every task, also those spawned meanwhile, then throws the first failure, if any. */
  async join(): Promise<void> {
    while (this.#tasks.size > 0) await Promise.all(this.#tasks);
    if (this.#failure) throw this.#failure.error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    while (this.#tasks.size > 0) await Promise.all(this.#tasks);
  }

  /** Never rejects: a failure is kept for {@linkcode join}; one after the abort is the abort. */
  async #run(
    task: (signal: AbortSignal) => Promise<void>,
    ended: () => void,
  ): Promise<void> {
    try {
      await task(this.signal);
    } catch (error) {
      if (this.signal.aborted) return;
      this.#failure = { error };
      this.#stop.abort(error);
    } finally {
      ended();
    }
  }
}
