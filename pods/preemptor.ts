import { getLogger } from "../async/log.ts";
import type { EventSink } from "../k8s/events.ts";
import type { Pod } from "../k8s/types.ts";
import type { Rejection, Shortage } from "./admission.ts";
import type { PodFailure } from "./plan.ts";
import { podIdentity } from "./pod_spec.ts";
import { preemption } from "./preemption.ts";

/** What {@linkcode Preemptor} works with. */
export interface PreemptorOptions {
  readonly events: EventSink;
  /** The pods that have a place on the node, and that nobody has asked to end. */
  running(): Iterable<Pod>;
  /** Ends a pod as failed. */
  end(uid: string, failure: PodFailure): void;
}

/** What became of the attempt to make room for a pod. */
export type MadeRoom =
  | {
    readonly kind: "ending";
    /** UIDs of the pods that end for it. */
    readonly victims: readonly string[];
  }
  | { readonly kind: "rejected"; readonly rejection: Rejection };

const log = getLogger("preemption");

/** As the kubelet's `CriticalPodAdmissionHandler`: ends pods so that a critical one has room. */
export class Preemptor {
  readonly #options: PreemptorOptions;

  constructor(options: PreemptorOptions) {
    this.#options = options;
  }

  /** Ends what must end so that the node has no such shortages; says why, if that cannot be. */
  makeRoom(pod: Pod, shortages: readonly Shortage[]): MadeRoom {
    const { running } = this.#options;
    const choice = preemption(pod, running(), shortages);
    if (choice.kind === "impossible") {
      const rejection = {
        reason: "UnexpectedAdmissionError",
        message:
          `Unexpected error while attempting to recover from admission failure: preemption: error finding a set of pods to preempt: ${choice.message}`,
      };
      return { kind: "rejected", rejection };
    }
    const victims = choice.victims.map((victim) => this.#end(victim, pod));
    return { kind: "ending", victims };
  }

  #end(victim: Pod, pod: Pod): string {
    const { events, end } = this.#options;
    const { uid, namespace, name } = podIdentity(victim);
    const reason = "Preempting";
    const message = "Preempted in order to admit critical pod";
    log.info("Ending a pod to admit a critical one", {
      namespace,
      name,
      critical: podIdentity(pod).name,
    });
    events.record({ apiVersion: "v1", kind: "Pod", uid, namespace, name }, {
      type: "Warning",
      reason,
      message,
    });
    end(uid, {
      reason,
      message,
      disruption: "Pod was preempted by Kubelet to accommodate a critical pod.",
    });
    return uid;
  }
}
