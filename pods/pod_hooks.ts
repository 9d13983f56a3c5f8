import type { AbortOptions } from "../async/abort.ts";
import { getLogger } from "../async/log.ts";
import { messageOf } from "../async/message_of.ts";
import {
  type HookKind,
  hookOf,
  type HookRuntime,
  type HookTarget,
  runHook,
} from "./hooks.ts";
import type { RecordContainerEvent } from "./images.ts";
import { isUnreachable } from "./unreachable.ts";

const log = getLogger("pods");

/**
 * Runs a hook of a container, if it has one; says whether it succeeded, and tells people if not,
 * without what the container said: that may be secret. Fails when aborted or when the host cannot
 * be reached: then nobody knows whether it ran.
 */
export async function runPodHook(
  runtime: HookRuntime,
  kind: HookKind,
  target: HookTarget,
  { record, signal }: AbortOptions & { readonly record: RecordContainerEvent },
): Promise<boolean> {
  const handler = hookOf(target.container, kind);
  if (handler === undefined) return true;
  try {
    await runHook(runtime, handler, target, { record, signal });
    return true;
  } catch (error) {
    signal.throwIfAborted();
    if (isUnreachable(error)) throw error;
    const title = kind === "postStart" ? "PostStart" : "PreStop";
    log.warn(`A ${title} hook failed`, {
      pod: target.podUid,
      container: target.container.name,
      // What is inside names no URL: there may be a token in it.
      error: messageOf(error instanceof Error ? error.cause ?? error : error),
    });
    record("Warning", `Failed${title}Hook`, `${title}Hook failed`);
    return false;
  }
}
