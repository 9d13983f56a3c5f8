import { getLogger } from "../../async/log.ts";
import { messageOf } from "../../async/message_of.ts";

/**
 * Whether an engine may protect processes from the kernel's memory killer. One without the privilege
 * (in a container or virtual machine of its own, say) tells by refusing to start the first of them.
 */
export class OomProtection {
  #refused = false;

  get allowed(): boolean {
    return !this.#refused;
  }

  /** Whether a start failed for no other reason; then it is worth another try without. */
  takeRefusal(error: unknown): boolean {
    if (this.#refused || !messageOf(error).includes("oom_score_adj")) {
      return false;
    }
    this.#refused = true;
    getLogger("ssh").warn(
      "The engine may not protect containers when memory is short: they run unprotected",
      { error },
    );
    return true;
  }
}
