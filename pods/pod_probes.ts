import { abortable, type AbortOptions } from "../async/abort.ts";
import type { TaskGroup } from "../async/task_group.ts";
import type { PodStatus } from "../k8s/types.ts";
import type { ObservedContainer, ObservedPod } from "../providers/runtime.ts";
import type { PodHealth } from "./health.ts";
import type { RecordContainerEvent } from "./images.ts";
import type { DesiredContainer, DesiredPod } from "./pod_spec.ts";
import {
  type ProbeKind,
  probeKinds,
  probeOf,
  probeRules,
  type ProbeStates,
  runHealth,
  unprobed,
} from "./probe.ts";
import type { ProbeRuntime } from "./probe_attempt.ts";
import type { ProbeMetrics } from "./probe_metrics.ts";
import { type ProbedRun, workProbe } from "./probe_worker.ts";

/** What {@linkcode PodProbes.keep} goes by. */
export interface KeepOptions {
  readonly group: TaskGroup;
  readonly desired: DesiredPod;
  /** The status that was published last: what ran before the agent did may be ready already. */
  readonly published: PodStatus | undefined;
  /** The addresses of a pod that has none of its own. */
  readonly nodeIps: readonly string[];
  /** Whether the pod is ending: then only readiness is of interest. */
  readonly ending: boolean;
  recordOf(container: string): RecordContainerEvent;
  /** Asks for another sync. */
  retry(): void;
}

/** Keeps probing the runs of one pod: a worker for each probe of each run. */
export class PodProbes {
  readonly #runtime: ProbeRuntime;
  readonly #metrics: ProbeMetrics | undefined;
  /** Ticks are counted from when the pod came, as the kubelet's. */
  readonly #epoch = Date.now();
  readonly #runs = new Map<string, Run>();
  #podIp = "";
  #hasOwnIp = false;
  /** Whether the pod was looked at: what ran then, runs since before the agent did. */
  #seen = false;

  constructor(runtime: ProbeRuntime, metrics: ProbeMetrics | undefined) {
    this.#runtime = runtime;
    this.#metrics = metrics;
  }

  /** What the probes say of the runs that are under probes. */
  get health(): PodHealth {
    return new Map(
      [...this.#runs].map(([id, { container, probed }]) => [
        id,
        runHealth(container.spec, probed.states),
      ]),
    );
  }

  /** Begins to probe what runs now, and ends with what does not. */
  keep(observed: ObservedPod, options: KeepOptions): void {
    const { desired, nodeIps } = options;
    this.#hasOwnIp = observed.ips.length > 0;
    this.#podIp = observed.ips[0] ?? nodeIps[0] ?? "127.0.0.1";
    const running = new Map(
      observed.containers.filter(({ state }) => state.kind === "running")
        .map((run) => [run.id, run]),
    );
    for (const [id, run] of this.#runs) {
      if (!running.has(id)) this.#end(id, run);
      else if (options.ending) run.finishing.abort();
    }
    for (const container of probedContainers(desired)) {
      const run = [...running.values()].find(({ name }) =>
        name === container.name
      );
      if (run !== undefined) this.#begin(container, run, options);
    }
    this.#seen = true;
  }

  /** Ends all of it: the pod is gone. */
  stop(podUid: string): void {
    for (const [id, run] of this.#runs) this.#end(id, run);
    this.#metrics?.forget(podUid);
  }

  #begin(
    container: DesiredContainer,
    observed: ObservedContainer,
    options: KeepOptions,
  ): void {
    const known = this.#runs.get(observed.id);
    if (known !== undefined) {
      known.container = container;
      return;
    }
    const { startedAt } = observed.state.kind === "running"
      ? observed.state
      : { startedAt: new Date() };
    const run: Run = {
      container,
      probed: {
        startedAt: startedAt.getTime(),
        states: initialStates(container, observed, options.published),
      },
      news: Promise.withResolvers(),
      over: new AbortController(),
      finishing: new AbortController(),
    };
    this.#runs.set(observed.id, run);
    if (options.ending) run.finishing.abort();
    for (const kind of probeKinds) this.#spawn(run, kind, options);
  }

  #spawn(
    run: Run,
    kind: ProbeKind,
    { group, desired, recordOf, retry }: KeepOptions,
  ): void {
    const spec = probeOf(run.container.spec, kind);
    if (spec === undefined) return;
    const { uid, namespace, name } = desired;
    const adopted = !this.#seen;
    // An agent that comes back does not ask everything at once.
    const jitter = adopted
      ? Math.random() * probeRules(spec).periodSeconds * 1_000
      : 0;
    group.spawn(async (signal) => {
      await workProbe({
        runtime: this.#runtime,
        ...(this.#metrics && { metrics: this.#metrics }),
        pod: { uid, namespace, name },
        kind,
        spec,
        run: run.probed,
        epoch: this.#epoch + jitter,
        eager: kind === "readiness" && !adopted,
        target: () => ({
          podUid: uid,
          podIp: this.#podIp,
          hasOwnIp: this.#hasOwnIp,
          container: run.container.spec,
        }),
        record: recordOf(run.container.name),
        changed: (options: AbortOptions) =>
          abortable(run.news.promise, options),
        change: () => {
          run.news.resolve();
          run.news = Promise.withResolvers();
          retry();
        },
        signal: AbortSignal.any([
          signal,
          run.over.signal,
          ...(kind === "readiness" ? [] : [run.finishing.signal]),
        ]),
      });
    });
  }

  #end(id: string, run: Run): void {
    run.over.abort();
    this.#runs.delete(id);
  }
}

interface Run {
  container: DesiredContainer;
  readonly probed: ProbedRun;
  /** Resolved when a verdict has changed. */
  news: PromiseWithResolvers<void>;
  /** Aborted when the run has ended. */
  readonly over: AbortController;
  /** Aborted when the run is ending. */
  readonly finishing: AbortController;
}

/** Containers whose probes count: plain init containers and those for debugging have none. */
function probedContainers(
  { initContainers, containers }: DesiredPod,
): readonly DesiredContainer[] {
  return [
    ...initContainers.filter(({ kind }) => kind === "sidecar"),
    ...containers,
  ].filter(({ spec }) =>
    probeKinds.some((kind) => probeOf(spec, kind) !== undefined)
  );
}

/**
 * Where the probes of a run begin. A run that was published as started or ready stays so until its
 * probes say otherwise: the kubelet has it unready until then, but an agent that was away for a
 * moment is no reason to take a pod out of its Services.
 */
function initialStates(
  { spec, name }: DesiredContainer,
  { id }: ObservedContainer,
  published: PodStatus | undefined,
): ProbeStates {
  const before = [
    ...published?.containerStatuses ?? [],
    ...published?.initContainerStatuses ?? [],
  ].find((status) =>
    status.name === name && status.containerID?.endsWith(`//${id}`)
  );
  const known = (counts: boolean | undefined) =>
    counts ? { inARow: 0, verdict: "success" as const } : unprobed;
  return {
    ...(spec.startupProbe && { startup: known(before?.started) }),
    ...(spec.readinessProbe && { readiness: known(before?.ready) }),
    ...(spec.livenessProbe && { liveness: unprobed }),
  };
}
