import type { AbortOptions } from "../async/abort.ts";
import { ChangeFeed } from "../async/change_feed.ts";
import { getLogger } from "../async/log.ts";
import {
  type Asking,
  type Served,
  type ServingCondition,
  servingCondition,
} from "./serving_condition.ts";

const log = getLogger("kubelet");

/** What is served and asked for now, for whoever publishes it; it logs what changes. */
export class ServingStatus {
  #served: Served;
  #asking: Asking;
  #told = "";
  readonly #changes = new ChangeFeed<"condition">();

  constructor(served: Served, asking: Asking) {
    this.#served = served;
    this.#asking = asking;
    this.#tell();
  }

  /** The condition of now: a certificate expires without a call. */
  get condition(): ServingCondition {
    return servingCondition(this.#served, this.#asking, new Date());
  }

  /** What is served. */
  get served(): Served {
    return this.#served;
  }

  /** Says what is served, or asked for, from now on; what is left out stays. */
  update(
    { served, asking }: { readonly served?: Served; readonly asking?: Asking },
  ): void {
    this.#served = served ?? this.#served;
    this.#asking = asking ?? this.#asking;
    this.#tell();
  }

  /** Yields once at the start and whenever the condition may have changed, until aborted. */
  changes(options: AbortOptions): AsyncIterable<"condition"> {
    return this.#changes.changes(options, () => ["condition"]);
  }

  #tell(): void {
    const { status, reason, message } = this.condition;
    const idle = this.#asking.kind === "idle";
    // Not at each retry: why something is unavailable may be worded differently each time.
    const told = `${status} ${reason} ${this.#asking.kind}`;
    // Before the first answer there is nothing that somebody could do.
    const silent = told === this.#told ||
      (idle && this.#served.kind === "selfSigned");
    this.#told = told;
    this.#changes.notify("condition");
    if (silent) return;
    if (status === "True" && idle) {
      log.info("The kubelet API has its certificate", { reason, message });
    } else {
      log.warn("The kubelet API's certificate needs attention", {
        reason,
        message,
      });
    }
  }
}
