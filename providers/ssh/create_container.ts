import type { AbortOptions } from "../../async/abort.ts";
import { Deadline } from "../../async/deadline.ts";
import { delay } from "../../async/delay.ts";
import { RuntimeError } from "../errors.ts";
import type { ContainerRecord } from "./container_record.ts";
import type { CreateBody } from "./create_body.ts";
import type { EngineClient } from "./engine/engine_client.ts";
import { EngineError } from "./engine/engine_error.ts";
import type { Inventory } from "./inventory.ts";
import { label } from "./labels.ts";

/** What making a container takes. */
export interface ContainerMaker {
  readonly engine: EngineClient;
  readonly inventory: Inventory;
}

/** A container that is there to be started, or was started before. */
export interface MadeContainer {
  readonly id: string;
  readonly started: boolean;
}

/**
 * Makes a container. One of the same name that was left by an agent that was killed is taken over
 * where it is the same or has run, and replaced otherwise.
 *
 * Fails with a `RuntimeError` of reason `CreateContainerError`.
 */
export async function createContainer(
  { engine, inventory }: ContainerMaker,
  { name, body }: { readonly name: string; readonly body: CreateBody },
  options: AbortOptions,
): Promise<MadeContainer> {
  const create = async (as: string): Promise<MadeContainer> => ({
    id: await seenThrough(
      (options) => engine.createContainer(as, body, options),
      options,
    ),
    started: false,
  });
  try {
    try {
      const made = await create(name);
      options.signal.throwIfAborted();
      return made;
    } catch (error) {
      if (!isNameConflict(error)) throw error;
    }
    const found = await inventory.inspect(name, options);
    // Podman keeps the names of what it was killed over. Labels tell what is whose, not names.
    if (found === undefined) {
      return await create(`${name}_${crypto.randomUUID().slice(0, 8)}`);
    }
    if (found.state.kind !== "created") return { id: found.id, started: true };
    if (isFrom(found, body)) return { id: found.id, started: false };
    await removeContainer({ engine, inventory }, found.id, options);
    return await create(name);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new RuntimeError("CreateContainerError", error.engineMessage, {
      cause: error,
    });
  }
}

/** How long an engine is waited for by who has given up, in milliseconds. */
const lastWait = 5_000;
/** Longer than any engine is waited for. */
const ever = 600_000;

/**
 * Waits for what an engine goes on with anyway, also when the signal aborts: who then removes what
 * there is must not come before it is there.
 */
async function seenThrough<T>(
  request: (options: AbortOptions) => Promise<T>,
  { signal }: AbortOptions,
): Promise<T> {
  signal.throwIfAborted();
  using patience = new Deadline(ever, { signal: new AbortController().signal });
  const giveUp = () => patience.extend(lastWait);
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    return await request(patience);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

/**
 * Milliseconds to wait, one after the other: neither engine removes what somebody else removes just
 * now, and Podman not what ends just now.
 */
const removalWaits = [50, 100, 200, 400, 800, 1600, 3200];

/** Kills a container if it runs and removes it; nothing if it is gone. */
export async function removeContainer(
  { engine, inventory }: {
    readonly engine: Pick<EngineClient, "removeContainer">;
    readonly inventory: Pick<Inventory, "inspect" | "forget">;
  },
  id: string,
  options: AbortOptions,
): Promise<void> {
  for (const wait of [...removalWaits, undefined]) {
    try {
      await engine.removeContainer(id, { ...options, force: true });
      break;
    } catch (error) {
      options.signal.throwIfAborted();
      if (!(error instanceof EngineError)) throw error;
      if (await inventory.inspect(id, options) === undefined) break;
      if (wait === undefined) throw error;
      await delay(wait, options);
    }
  }
  inventory.forget(id);
}

/** Whether a container was made from this body. */
function isFrom(
  { specHash }: Pick<ContainerRecord, "specHash">,
  body: CreateBody,
): boolean {
  return specHash !== "" && specHash === body.Labels[label.specHash];
}

/** Docker answers 409, Podman 500. */
function isNameConflict(error: unknown): boolean {
  return error instanceof EngineError &&
    (error.status === 409 || error.engineMessage.includes("already in use"));
}
