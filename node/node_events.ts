import type { EventSink, EventText } from "../k8s/events.ts";
import type { Node, NodeCondition } from "../k8s/types.ts";

/** Records what the kubelet does of its node: start, conditions, cordons and reboots. */
export class NodeEvents {
  readonly #sink: EventSink;
  #unschedulable = false;

  constructor(sink: EventSink) {
    this.#sink = sink;
  }

  /** Says that the agent has the node now. */
  recordStart(node: Node): void {
    this.#record(node, {
      type: "Normal",
      reason: "Starting",
      message: "Starting kubelet.",
    });
  }

  /** Says what a publication of the node's status has changed. */
  recordPublished(before: Node | undefined, after: Node): void {
    for (const event of statusEvents(before, after)) this.#record(after, event);
    this.recordSchedulable(after);
  }

  /** Says once whether new pods may come, where that is not what was said last. */
  recordSchedulable(node: Node): void {
    const { unschedulable = false } = node.spec ?? {};
    if (unschedulable === this.#unschedulable) return;
    this.#unschedulable = unschedulable;
    const reason = unschedulable ? "NodeNotSchedulable" : "NodeSchedulable";
    this.#record(node, statusEvent(node, reason));
  }

  #record({ metadata = {} }: Node, event: EventText): void {
    const { name = "", uid = "" } = metadata;
    this.#sink.record({ apiVersion: "v1", kind: "Node", name, uid }, event);
  }
}

/** What the kubelet says of a node whose status has changed. */
function statusEvents(
  before: Node | undefined,
  after: Node,
): readonly EventText[] {
  const events: EventText[] = [];
  const [bootBefore, boot] = [before, after].map((node) =>
    node?.status?.nodeInfo?.bootID ?? ""
  );
  if (bootBefore && boot && bootBefore !== boot) {
    const { name } = after.metadata ?? {};
    events.push({
      type: "Warning",
      reason: "Rebooted",
      message: `Node ${name} has been rebooted, boot id: ${boot}`,
    });
  }
  for (const condition of after.status?.conditions ?? []) {
    const known = before?.status?.conditions
      ?.find(({ type }) => type === condition.type);
    if (known?.status === condition.status) continue;
    const reason = conditionReason(condition);
    if (reason !== undefined) events.push(statusEvent(after, reason));
  }
  return events;
}

function statusEvent({ metadata }: Node, reason: string): EventText {
  const message = `Node ${metadata?.name} status is now: ${reason}`;
  return { type: "Normal", reason, message };
}

/** https://github.com/kubernetes/kubernetes/blob/v1.37.2/pkg/kubelet/nodestatus/setters.go */
function conditionReason(
  { type, status }: NodeCondition,
): string | undefined {
  const isTrue = status === "True";
  switch (type) {
    case "Ready":
      return isTrue ? "NodeReady" : "NodeNotReady";
    case "MemoryPressure":
      return isTrue ? "NodeHasInsufficientMemory" : "NodeHasSufficientMemory";
    case "DiskPressure":
      return isTrue ? "NodeHasDiskPressure" : "NodeHasNoDiskPressure";
    case "PIDPressure":
      return isTrue ? "NodeHasInsufficientPID" : "NodeHasSufficientPID";
    default:
      return undefined;
  }
}
