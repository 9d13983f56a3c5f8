import type { ObservedContainer } from "../providers/runtime.ts";
import type { DesiredContainer } from "./pod_spec.ts";

/** What the probes say of one run of a container. */
export interface RunHealth {
  /** Whether the startup probe has succeeded. */
  readonly started: boolean;
  /** Whether the readiness probe succeeds. */
  readonly ready: boolean;
  /** Set once a probe has failed so often that the run must end. */
  readonly failed?: {
    readonly probe: "liveness" | "startup";
    /** The probe's own `terminationGracePeriodSeconds`. */
    readonly graceSeconds?: number;
  };
}

/** What the probes say, by the ID of the run; a run without probes need not be there. */
export type PodHealth = ReadonlyMap<string, RunHealth>;

/**
 * The health of a run: without probes it is well, and with probes that have not said anything yet
 * it is neither started nor ready as far as they go.
 */
export function healthOf(
  { spec }: Pick<DesiredContainer, "spec">,
  { id }: Pick<ObservedContainer, "id">,
  health: PodHealth,
): RunHealth {
  const known = health.get(id);
  if (known !== undefined) return known;
  const started = spec.startupProbe === undefined;
  return { started, ready: started && spec.readinessProbe === undefined };
}
