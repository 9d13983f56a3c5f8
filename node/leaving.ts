import type { AbortOptions } from "../async/abort.ts";
import { delay } from "../async/delay.ts";
import type { Node } from "../k8s/types.ts";

/** Set on a Node to ask its agent to remove all that it keeps for it, and to let go of it. */
export const leavingAnnotation = "farlet.dev/leaving";

/** The reason of `Ready=False` once that is done: the Node may be deleted. */
export const leftReason = "Left";

/** How often the Node is looked at: nobody says when it changes. */
const look = 1_000;

/** Whether the agent of this Node is asked to leave it. */
export function isLeaving(node: Node): boolean {
  return node.metadata?.annotations?.[leavingAnnotation] !== undefined;
}

/** Whether the agent has left this Node. */
export function hasLeft(node: Node): boolean {
  return node.status?.conditions?.some(({ type, reason }) =>
    type === "Ready" && reason === leftReason
  ) ?? false;
}

/** Resolves when the agent is asked to leave the Node. */
export async function untilLeaving(
  node: () => Node | undefined,
  { signal }: AbortOptions,
): Promise<void> {
  for (;;) {
    const now = node();
    if (now !== undefined && isLeaving(now)) return;
    await delay(look, { signal });
  }
}
