import type { AbortOptions } from "../../async/abort.ts";
import { Deadline } from "../../async/deadline.ts";
import { findConnection } from "./doctor_connection.ts";
import { findEngine } from "./doctor_engine.ts";
import { failure, type Finding } from "./doctor_finding.ts";
import { findForwarding, findSessions } from "./doctor_forwarding.ts";
import { findSystem } from "./doctor_system.ts";
import { DialLimit } from "./transport/dial_limit.ts";
import { connectHost } from "./transport/ssh_host.ts";
import type { SshTarget } from "./transport/target.ts";

/** Options of {@linkcode examineHost}. */
export interface ExamineOptions extends AbortOptions {
  /** Shared by hosts that are examined at once; one of its own unless given. */
  readonly dialLimit?: DialLimit;
}

/** Milliseconds until a host that has let us in once must have done so again. */
const reconnectTimeout = 30_000;

/**
 * Finds out whether a host can be a node, and how good a one: yields one finding after the other,
 * and ends early where nothing more can be found out. Leaves nothing behind on the host.
 */
export async function* examineHost(
  target: SshTarget,
  { dialLimit = new DialLimit(), signal }: ExamineOptions,
): AsyncGenerator<Finding, void> {
  const connection = yield* findConnection(target, { dialLimit, signal });
  if (connection === undefined) return;
  {
    await using open = connection;
    if (!(yield* findSessions(open, { signal }))) return;
  }
  await using host = connectHost(target, { dialLimit, signal });
  try {
    using deadline = new Deadline(reconnectTimeout, { signal });
    await host.connected(deadline);
    const system = yield* findSystem(host, { signal });
    if (system === undefined) return;
    yield* findForwarding(host, system, { signal });
    yield* findEngine(host, system, { signal });
  } catch (error) {
    signal.throwIfAborted();
    yield failure("connection", error);
  }
}
