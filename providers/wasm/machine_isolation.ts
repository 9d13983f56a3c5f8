import { getLogger } from "../../async/log.ts";
import { ControlGroups } from "./control_groups.ts";
import { LinuxCalls } from "./linux_calls.ts";
import { sha256 } from "./modules.ts";

/**
 * Readies this process and its machine for guests: no child gets a descriptor that this process
 * was started with, and what groups of processes an earlier agent with this state directory left
 * has ended.
 *
 * @returns The control groups that guests can have; undefined where there are none.
 */
export async function isolateGuests(
  stateDir: string,
): Promise<ControlGroups | undefined> {
  if (Deno.build.os !== "linux") return undefined;
  using linux = new LinuxCalls();
  linux.keepDescriptors();
  const digest = await sha256(new TextEncoder().encode(stateDir));
  const name = `farlet-${digest.slice(-16)}`;
  const log = getLogger("wasm");
  try {
    const groups = await ControlGroups.open(name, {
      signal: AbortSignal.timeout(10_000),
    });
    log.debug("Looked for control groups", {
      version: groups.version,
      cpu: groups.has("cpu"),
      memory: groups.has("memory"),
      pids: groups.has("pids"),
    });
    return groups;
  } catch (error) {
    log.warn("Guests run without control groups", { error });
    return undefined;
  }
}
