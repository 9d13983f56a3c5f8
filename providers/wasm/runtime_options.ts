import type { GuestEngine } from "./guest_engine.ts";
import type { UserIdRange } from "./user_ids.ts";

/** Options for `WasmRuntime.open`. */
export interface WasmRuntimeOptions {
  /** An absolute path; made with mode 0700 if it is missing. */
  readonly stateDir: string;
  /** Directories below which `file://` images may be; none by default. */
  readonly allowLocalModules?: readonly string[];
  /** Says where the user's registry credentials are: `HOME`, `DOCKER_CONFIG`, …; empty by default. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Registries, such as `registry.lan:5000`, that may do without TLS; none by default. */
  readonly insecureRegistries?: readonly string[];
  /** The users that pods become, one each, where the agent is root on Linux. */
  readonly userIds?: UserIdRange;
  /** The range of the pods' addresses; one that nobody else uses is chosen unless given. */
  readonly podCIDR?: string;
  /** Whether only this machine has to reach pods, as without a cluster; false unless given. */
  readonly localAddresses?: boolean;
  /** The program and arguments of a runner process; by default this program itself. */
  readonly runnerCommand?: readonly string[];
  /** What runs the guests; V8 unless given. */
  readonly engine?: GuestEngine;
  /** How many runner processes wait for the next containers; none by default. */
  readonly spareRunners?: number;
}
