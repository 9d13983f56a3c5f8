/** An engine refused what it was asked, or failed to do it. */
export class EngineError extends Error {
  override readonly name = "EngineError";
  /** The status of its answer, such as 404; 500 where it failed after it had begun to answer. */
  readonly status: number;
  /** In its own words. */
  readonly engineMessage: string;

  /** @param what What it was asked, as in "Cannot start container". */
  constructor(
    what: string,
    { status, engineMessage }: {
      readonly status: number;
      readonly engineMessage: string;
    },
    options?: ErrorOptions,
  ) {
    super(`${what}: ${engineMessage}`, options);
    this.status = status;
    this.engineMessage = engineMessage;
  }

  /**
   * Whether what it was asked about is not there. Podman fails with status 500 for a container that
   * it is just removing.
   */
  get isNotFound(): boolean {
    return this.status === 404 || /: no such \w+$/.test(this.engineMessage);
  }
}
