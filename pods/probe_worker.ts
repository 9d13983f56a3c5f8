import type { AbortOptions } from "../async/abort.ts";
import { delay } from "../async/delay.ts";
import { getLogger } from "../async/log.ts";
import type { PodIdentity } from "../providers/runtime.ts";
import type { RecordContainerEvent } from "./images.ts";
import {
  nextTick,
  type ProbeKind,
  probeRules,
  type ProbeSpec,
  type ProbeStates,
  probeTurn,
  unprobed,
  withResult,
} from "./probe.ts";
import {
  type Attempt,
  attemptProbe,
  type ProbeRuntime,
  type ProbeTarget,
} from "./probe_attempt.ts";
import { type ProbeMetrics, probeTitle } from "./probe_metrics.ts";

/** One run of a container under probes: what they said, shared by the workers of its probes. */
export interface ProbedRun {
  readonly startedAt: number;
  states: ProbeStates;
}

/** What a worker works with. */
export interface ProbeWork extends AbortOptions {
  readonly runtime: ProbeRuntime;
  readonly metrics?: ProbeMetrics;
  readonly pod: PodIdentity;
  readonly kind: ProbeKind;
  readonly spec: ProbeSpec;
  readonly run: ProbedRun;
  /** The ticks of the probe are counted from here, in milliseconds since the epoch. */
  readonly epoch: number;
  /** Whether it is made at once where its initial delay is over, and not at a tick. */
  readonly eager: boolean;
  target(): ProbeTarget;
  readonly record: RecordContainerEvent;
  /** Resolves when another worker of the run has changed a verdict. */
  changed(options: AbortOptions): Promise<void>;
  /** Called after this one has changed a verdict. */
  change(): void;
}

const log = getLogger("pods");

/**
 * Makes one probe of one run again and again, one attempt at a time, until it is over. Never
 * rejects.
 */
export async function workProbe(work: ProbeWork): Promise<void> {
  try {
    await probeRun(work);
  } catch (error) {
    if (work.signal.aborted) return;
    const { namespace, name } = work.pod;
    log.error("Cannot probe a container", { namespace, name, error });
  }
}

async function probeRun(work: ProbeWork): Promise<void> {
  const { kind, run, signal } = work;
  const rules = probeRules(work.spec);
  const ready = run.startedAt + rules.initialDelaySeconds * 1_000;
  let { eager } = work;
  for (;;) {
    const turn = probeTurn(kind, run.states);
    if (turn === "over") return;
    if (turn === "wait") {
      await work.changed({ signal });
      // What has just started is ready as soon as it says so, not a period later.
      eager = kind === "readiness";
      continue;
    }
    const now = Date.now();
    const at = eager
      ? Math.max(now, ready)
      : nextTick({ epoch: work.epoch, startedAt: run.startedAt, now }, rules);
    eager = false;
    await delay(at - now, { signal });
    // Another probe may have failed meanwhile.
    if (probeTurn(kind, run.states) !== "probe") continue;
    await attempt(work);
  }
}

async function attempt(work: ProbeWork): Promise<void> {
  const { kind, run, runtime, spec, signal } = work;
  const begun = performance.now();
  const attempt = await attemptProbe(runtime, spec, work.target(), { signal });
  if (attempt === undefined) return;
  const seconds = (performance.now() - begun) / 1_000;
  const { pod } = work;
  const container = work.target().container.name;
  work.metrics?.count({ pod, container, kind }, attempt, seconds);
  recordAttempt(work, attempt);
  if (attempt.kind === "error") return;
  const before = run.states[kind] ?? unprobed;
  const result = attempt.kind === "failure" ? "failure" : "success";
  const after = withResult(before, result, probeRules(spec));
  run.states = { ...run.states, [kind]: after };
  if (after.verdict !== before.verdict) work.change();
}

/** Tells people, in the kubelet's words. */
function recordAttempt({ kind, record }: ProbeWork, attempt: Attempt): void {
  const title = probeTitle(kind);
  switch (attempt.kind) {
    case "success":
      return;
    case "warning":
      return record(
        "Warning",
        "ProbeWarning",
        `${title} probe warning: ${attempt.output}`,
      );
    case "failure":
      return record(
        "Warning",
        "Unhealthy",
        `${title} probe failed: ${attempt.output}`,
      );
    case "error":
      return record(
        "Warning",
        "Unhealthy",
        `${title} probe errored and resulted in ${attempt.state} state: ${attempt.message}`,
      );
  }
}
