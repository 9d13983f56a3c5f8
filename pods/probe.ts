import type { Container } from "../k8s/types.ts";
import type { RunHealth } from "./health.ts";

/** What a probe is for. */
export type ProbeKind = "startup" | "readiness" | "liveness";

/** A probe as in the API. */
export type ProbeSpec = NonNullable<Container["livenessProbe"]>;

/** When a probe is made and what it takes to believe it, with the API's defaults filled in. */
export interface ProbeRules {
  readonly initialDelaySeconds: number;
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

/** What one attempt said. One that said nothing is no attempt. */
export type ProbeResult = "success" | "failure";

/** What a probe has said of one run so far. */
export interface ProbeState {
  readonly last?: ProbeResult;
  /** How often in a row the last one came. */
  readonly inARow: number;
  /** What counts; undefined until a threshold is reached. */
  readonly verdict?: ProbeResult;
}

/** The state of a probe that has said nothing. */
export const unprobed: ProbeState = { inARow: 0 };

/** The probes of one run, by kind; those that the container does not have are absent. */
export type ProbeStates = Readonly<Partial<Record<ProbeKind, ProbeState>>>;

/** Every kind, in the order in which they matter. */
export const probeKinds: readonly ProbeKind[] = [
  "startup",
  "readiness",
  "liveness",
];

/** The probe of that kind; undefined where the container has none. */
export function probeOf(
  container: Container,
  kind: ProbeKind,
): ProbeSpec | undefined {
  switch (kind) {
    case "startup":
      return container.startupProbe;
    case "readiness":
      return container.readinessProbe;
    case "liveness":
      return container.livenessProbe;
  }
}

/** The rules of a probe. */
export function probeRules(probe: ProbeSpec): ProbeRules {
  return {
    initialDelaySeconds: probe.initialDelaySeconds ?? 0,
    periodSeconds: probe.periodSeconds || 10,
    timeoutSeconds: probe.timeoutSeconds || 1,
    successThreshold: probe.successThreshold || 1,
    failureThreshold: probe.failureThreshold || 3,
  };
}

/** The state after one more attempt: a verdict stands until a threshold of the other is reached. */
export function withResult(
  state: ProbeState,
  result: ProbeResult,
  { successThreshold, failureThreshold }: Pick<
    ProbeRules,
    "successThreshold" | "failureThreshold"
  >,
): ProbeState {
  const inARow = state.last === result ? state.inARow + 1 : 1;
  const threshold = result === "success" ? successThreshold : failureThreshold;
  const verdict = inARow >= threshold ? result : state.verdict;
  return { last: result, inARow, ...(verdict && { verdict }) };
}

/**
 * What is to be done about a probe. One of liveness or startup that has failed is over: the run
 * ends. Only a startup probe is made until it has succeeded, and then never again.
 */
export function probeTurn(
  kind: ProbeKind,
  states: ProbeStates,
): "probe" | "wait" | "over" {
  const verdict = states[kind]?.verdict;
  if (kind !== "readiness" && verdict === "failure") return "over";
  if (kind === "startup") return verdict === "success" ? "over" : "probe";
  const { startup } = states;
  if (startup?.verdict === "failure") return "over";
  return startup === undefined || startup.verdict === "success"
    ? "probe"
    : "wait";
}

/** What the probes say of a run of a container. */
export function runHealth(
  container: Container,
  { startup, readiness, liveness }: ProbeStates,
): RunHealth {
  const started = container.startupProbe === undefined ||
    startup?.verdict === "success";
  const ready = started && (container.readinessProbe === undefined ||
    readiness?.verdict === "success");
  const failed = startup?.verdict === "failure"
    ? failure("startup", container.startupProbe)
    : liveness?.verdict === "failure"
    ? failure("liveness", container.livenessProbe)
    : undefined;
  return { started, ready, ...(failed && { failed }) };
}

function failure(
  probe: "startup" | "liveness",
  spec: ProbeSpec | undefined,
): RunHealth["failed"] {
  const graceSeconds = spec?.terminationGracePeriodSeconds;
  return { probe, ...(graceSeconds !== undefined && { graceSeconds }) };
}

/**
 * When a probe is made next, in milliseconds since the epoch: at a tick of its period, counted
 * from `epoch`, and not before the initial delay is over.
 */
export function nextTick(
  { epoch, startedAt, now }: {
    readonly epoch: number;
    readonly startedAt: number;
    readonly now: number;
  },
  { initialDelaySeconds, periodSeconds }: ProbeRules,
): number {
  const period = periodSeconds * 1_000;
  const earliest = Math.max(now + 1, startedAt + initialDelaySeconds * 1_000);
  return epoch + Math.max(0, Math.ceil((earliest - epoch) / period)) * period;
}
