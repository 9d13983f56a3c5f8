import type { EventSink } from "../k8s/events.ts";
import type { RecordContainerEvent } from "./images.ts";
import type { PodPlan } from "./plan.ts";
import type { DesiredPod } from "./pod_spec.ts";

/** Records the Events of one pod, with the kubelet's reasons and messages. */
export class PodEvents {
  readonly #sink: EventSink;
  /** What was last said of a container's waiting, so that it is said once. */
  readonly #saidWaiting = new Map<string, string>();
  #saidSandboxChanged = false;

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
    const isInit = desired.initContainers.some(({ name }) =>
      name === container
    );
    const list = isInit ? "initContainers" : "containers";
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

  /** Says once that a sandbox that has stopped is replaced. */
  recordSandbox(
    desired: DesiredPod,
    { sandboxChanged = false }: PodPlan,
  ): void {
    const said = this.#saidSandboxChanged;
    this.#saidSandboxChanged = sandboxChanged;
    if (said || !sandboxChanged) return;
    this.record(desired, {
      type: "Normal",
      reason: "SandboxChanged",
      message: "Pod sandbox changed, it will be killed and re-created.",
    });
  }

  /** Says once of each container that it backs off. */
  recordBackoff(desired: DesiredPod, { waiting }: PodPlan): void {
    for (const [container, { reason, message = "" }] of waiting) {
      const said = `${reason} ${message}`;
      if (this.#saidWaiting.get(container) === said) continue;
      this.#saidWaiting.set(container, said);
      const record = this.ofContainer(desired, container);
      if (reason === "CrashLoopBackOff") {
        const { name, namespace, uid } = desired;
        const pod = `${name}_${namespace}(${uid})`;
        record(
          "Warning",
          "BackOff",
          `Back-off restarting failed container ${container} in pod ${pod}`,
        );
      }
      if (reason === "ImagePullBackOff") {
        record("Normal", "BackOff", message.split(": ErrImagePull")[0] ?? "");
        record("Warning", "Failed", "Error: ImagePullBackOff");
      }
    }
  }
}
