import type { MetricFamily, MetricSample } from "../async/metric_text.ts";
import { type Labels, Metrics } from "../async/metrics.ts";
import type { PodIdentity } from "../providers/runtime.ts";
import type { Attempt } from "./probe_attempt.ts";
import type { ProbeKind } from "./probe.ts";

/** Whose probe is counted. */
export interface ProbeLabels {
  readonly pod: PodIdentity;
  readonly container: string;
  readonly kind: ProbeKind;
}

const totalHelp =
  "[BETA] Cumulative number of a liveness, readiness or startup probe for a container by result.";
const durationHelp = "[ALPHA] Duration in seconds for a probe response.";
/** Those of Go's client of Prometheus. */
const buckets = [
  ...[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
];

/** What `/metrics/probes` tells, under the kubelet's names; forgotten with the pods. */
export class ProbeMetrics {
  /** By the UID of the pod. */
  readonly #pods = new Map<string, Metrics>();

  /** Counts an attempt, which took so long. */
  count(
    { pod, container, kind }: ProbeLabels,
    attempt: Attempt,
    seconds: number,
  ): void {
    const metrics = this.#metricsOf(pod.uid);
    const labels: Labels = {
      container,
      namespace: pod.namespace,
      pod: pod.name,
      "probe_type": probeTitle(kind),
    };
    const result = resultOf(attempt);
    if (result === undefined) return;
    metrics.counter({ name: "prober_probe_total", help: totalHelp })
      .add({ ...labels, "pod_uid": pod.uid, result });
    // As the kubelet: how long a failure took is of no interest.
    if (result === "failed") return;
    metrics.histogram({
      name: "prober_probe_duration_seconds",
      help: durationHelp,
      buckets,
    }).observe(labels, seconds);
  }

  /** Forgets a pod. */
  forget(podUid: string): void {
    this.#pods.delete(podUid);
  }

  /** Every family as it is now. */
  families(): readonly MetricFamily[] {
    const families = new Map<string, MetricFamily>();
    for (const metrics of this.#pods.values()) {
      for (const family of metrics.families()) {
        const samples: readonly MetricSample[] =
          families.get(family.name)?.samples ?? [];
        families.set(family.name, {
          ...family,
          samples: [...samples, ...family.samples],
        });
      }
    }
    return [...families.values()];
  }

  #metricsOf(podUid: string): Metrics {
    const known = this.#pods.get(podUid) ?? new Metrics();
    this.#pods.set(podUid, known);
    return known;
  }
}

/** A kind as the kubelet writes it: `Liveness`. */
export function probeTitle(kind: ProbeKind): string {
  return kind.charAt(0).toUpperCase() + kind.slice(1);
}

function resultOf(attempt: Attempt): "successful" | "failed" | undefined {
  switch (attempt.kind) {
    case "success":
    case "warning":
      return "successful";
    case "failure":
      return "failed";
    case "error":
      return undefined;
  }
}
