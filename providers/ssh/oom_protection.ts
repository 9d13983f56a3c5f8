import { getLogger } from "../../async/log.ts";

/**
 * Whether an engine may protect processes from the kernel's memory killer. One without the privilege
 * (in a container or virtual machine of its own, say) fails to start them, and not always says why.
 */
export class OomProtection {
  #works: boolean | undefined;

  /** What is to be tried, one after the other, until a start succeeds. */
  get choices(): readonly boolean[] {
    return this.#works === undefined ? [true, false] : [this.#works];
  }

  /** Tells what came of it, once it is known: `error` is why the protected one failed. */
  settle(works: boolean, error?: Error): void {
    if (this.#works === works) return;
    this.#works = works;
    if (works) return;
    getLogger("ssh").warn(
      "The engine cannot protect containers when memory is short: they run unprotected",
      { error },
    );
  }
}
