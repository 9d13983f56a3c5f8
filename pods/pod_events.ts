import type { EventSink } from "../k8s/events.ts";
import type { RecordContainerEvent } from "./images.ts";
import type { PodPlan } from "./plan.ts";
import type { DesiredContainer, DesiredPod } from "./pod_spec.ts";

/** Records the Events of one pod, with the kubelet's reasons and messages. */
export class PodEvents {
  readonly #sink: EventSink;
  /** What was last said of a container's waiting, so that it is said once. */
  readonly #saidWaiting = new Map<string, string>();
  #saidSandboxChanged = false;
  #saidDeadline = false;

  constructor(sink: EventSink) {
    this.#sink = sink;
  }

  /** Records an Event of the pod, or of a part of it. */
  record(
    { pod, uid, namespace, name }: DesiredPod,
    event: {
      readonly type: "Normal" | "Warning";
      readonly reason: string;
      readonly message: string;
    },
    fieldPath?: string,
  ): void {
    const resourceVersion = pod.metadata?.resourceVersion;
    this.#sink.record({
      apiVersion: "v1",
      kind: "Pod",
      uid,
      namespace,
      name,
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(fieldPath === undefined ? {} : { fieldPath }),
    }, event);
  }

  /** Records Events of one container. */
  ofContainer(desired: DesiredPod, container: string): RecordContainerEvent {
    const list = listOf(desired, container);
    return (type, reason, message) =>
      this.record(
        desired,
        { type, reason, message },
        `spec.${list}{${container}}`,
      );
  }

  /** Warns of something about the pod. */
  warn(desired: DesiredPod, reason: string, message: string): void {
    this.record(desired, { type: "Warning", reason, message });
  }

  /** Warns that the pod gets the host's DNS though it asks for that of the cluster. */
  warnNoClusterDns(desired: DesiredPod): void {
    this.warn(
      desired,
      "MissingClusterDNS",
      `pod: "${
        fullName(desired)
      }". kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy. Falling back to "Default" policy.`,
    );
  }

  /** Says once that a sandbox that has stopped is replaced, and that the pod's time is over. */
  recordPlan(
    desired: DesiredPod,
    { sandboxChanged = false, failure }: PodPlan,
  ): void {
    if (sandboxChanged && !this.#saidSandboxChanged) {
      this.record(desired, {
        type: "Normal",
        reason: "SandboxChanged",
        message: "Pod sandbox changed, it will be killed and re-created.",
      });
    }
    this.#saidSandboxChanged = sandboxChanged;
    if (failure?.reason !== "DeadlineExceeded" || this.#saidDeadline) return;
    this.#saidDeadline = true;
    const { reason, message } = failure;
    this.record(desired, { type: "Normal", reason, message });
  }

  /** Says once of each container that it backs off. */
  recordBackoff(desired: DesiredPod, { waiting }: PodPlan): void {
    for (const container of this.#saidWaiting.keys()) {
      if (!waiting.has(container)) this.#saidWaiting.delete(container);
    }
    for (const [container, { reason, message = "" }] of waiting) {
      const said = `${reason} ${message}`;
      if (this.#saidWaiting.get(container) === said) continue;
      this.#saidWaiting.set(container, said);
      const record = this.ofContainer(desired, container);
      if (reason === "CrashLoopBackOff") {
        record(
          "Warning",
          "BackOff",
          `Back-off restarting failed container ${container} in pod ${
            fullName(desired)
          }`,
        );
      }
      if (reason === "ImagePullBackOff") {
        const [backOff = ""] = /^Back-off pulling image ".*?"/.exec(message) ??
          [];
        record("Normal", "BackOff", backOff);
        record("Warning", "Failed", "Error: ImagePullBackOff");
      }
    }
  }
}

/** As the kubelet names pods in its messages. */
function fullName({ name, namespace, uid }: DesiredPod): string {
  return `${name}_${namespace}(${uid})`;
}

function listOf(
  { initContainers, ephemeralContainers }: DesiredPod,
  container: string,
): string {
  const isIn = (list: readonly DesiredContainer[]) =>
    list.some(({ name }) => name === container);
  if (isIn(initContainers)) return "initContainers";
  return isIn(ephemeralContainers) ? "ephemeralContainers" : "containers";
}
