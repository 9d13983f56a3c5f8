import type { AbortOptions } from "../../async/abort.ts";
import type { CreateBody } from "./create_body.ts";
import {
  type ContainerMaker,
  createContainer,
  removeContainer,
} from "./create_container.ts";
import { EngineError } from "./engine/engine_error.ts";
import type { OomProtection } from "./oom_protection.ts";

/** What came of a start; a container that could not be started is still there. */
export type StartOutcome =
  | { readonly kind: "started"; readonly id: string }
  | {
    readonly kind: "failed";
    readonly id: string;
    readonly error: EngineError;
  };

/** What {@linkcode startContainer} starts. */
export interface ContainerToStart {
  readonly name: string;
  /** @param protects Whether the engine is asked to protect it when memory is short. */
  readonly body: (protects: boolean) => CreateBody;
  readonly protection: OomProtection;
}

/**
 * Makes a container and starts it, unprotected if the engine can start it only so. Fails with a
 * `RuntimeError` of reason `CreateContainerError` when it cannot even be made.
 */
export async function startContainer(
  maker: ContainerMaker,
  { name, body, protection }: ContainerToStart,
  options: AbortOptions,
): Promise<StartOutcome> {
  let unprotected: EngineError | undefined;
  for (const protects of protection.choices) {
    const wanted = body(protects);
    const isProtected = (wanted.HostConfig.OomScoreAdj ?? 0) < 0;
    const made = await createContainer(maker, { name, body: wanted }, options);
    try {
      if (!made.started) await maker.engine.startContainer(made.id, options);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      const mayBeWhy = isProtected && protection.choices.length > 1;
      if (!mayBeWhy) {
        return { kind: "failed", id: made.id, error: unprotected ?? error };
      }
      unprotected = error;
      await removeContainer(maker, made.id, options);
      continue;
    }
    // One that an earlier agent has started says nothing of what can be started now.
    if (isProtected && !made.started) protection.settle(true);
    if (unprotected !== undefined) protection.settle(false, unprotected);
    return { kind: "started", id: made.id };
  }
  throw new Error("unreachable");
}
