import type { MetricFamily, MetricSample } from "./metric_text.ts";

/** The values of a metric's labels, by name. */
export type Labels = Readonly<Record<string, string>>;

/** What every metric has. */
export interface MetricOptions {
  /** Such as `kubelet_http_requests_total`. */
  readonly name: string;
  readonly help: string;
}

/** Options of {@linkcode Metrics.histogram}. */
export interface HistogramOptions extends MetricOptions {
  /** The upper bounds of the buckets, rising, without infinity. */
  readonly buckets: readonly number[];
}

/** Counts what has happened. */
export interface Counter {
  /** Adds `by`, 1 unless given. */
  add(labels: Labels, by?: number): void;
}

/** Counts how often values were how large. */
export interface Histogram {
  observe(labels: Labels, value: number): void;
}

/**
 * The metrics of one agent: handed to whoever counts something. There is one metric of a name,
 * however often it is asked for; one without a value yet has no samples.
 */
export class Metrics {
  readonly #counters = new Map<string, Known<Counter>>();
  readonly #gauges = new Map<string, () => MetricFamily>();
  readonly #histograms = new Map<string, Known<Histogram>>();

  /** Every family as it is now. */
  families(): readonly MetricFamily[] {
    const known = [...this.#counters.values(), ...this.#histograms.values()];
    return [
      ...known.map(({ family }) => family()),
      ...[...this.#gauges.values()].map((family) => family()),
    ];
  }

  /** A counter for each set of labels. */
  counter(options: MetricOptions): Counter {
    return found(this.#counters, options.name, () => newCounter(options))
      .metric;
  }

  /** A value that is read whenever somebody asks; the last `read` of a name counts. */
  gauge({ name, help }: MetricOptions, read: () => number): void {
    this.#gauges.set(name, () => ({
      name,
      help,
      type: "gauge",
      samples: [{ labels: {}, value: read() }],
    }));
  }

  /** A histogram for each set of labels. */
  histogram(options: HistogramOptions): Histogram {
    return found(this.#histograms, options.name, () => newHistogram(options))
      .metric;
  }
}

interface Known<M> {
  readonly metric: M;
  family(): MetricFamily;
}

function newCounter({ name, help }: MetricOptions): Known<Counter> {
  const values = new Map<string, { readonly labels: Labels; value: number }>();
  return {
    metric: {
      add(labels, by = 1) {
        const make = () => ({ labels, value: 0 });
        found(values, keyOf(labels), make).value += by;
      },
    },
    family: () => ({
      name,
      help,
      type: "counter",
      samples: [...values.values()].map((sample) => ({ ...sample })),
    }),
  };
}

function newHistogram(
  { name, help, buckets }: HistogramOptions,
): Known<Histogram> {
  const values = new Map<string, Observed>();
  return {
    metric: {
      observe(labels, value) {
        const observed = found(values, keyOf(labels), () => ({
          labels,
          counts: buckets.map(() => 0),
          sum: 0,
          count: 0,
        }));
        const bucket = buckets.findIndex((bound) => value <= bound);
        if (bucket >= 0) {
          observed.counts[bucket] = (observed.counts[bucket] ?? 0) + 1;
        }
        observed.sum += value;
        observed.count++;
      },
    },
    family: () => ({
      name,
      help,
      type: "histogram",
      samples: [...values.values()].flatMap((observed) =>
        histogramSamples(observed, buckets)
      ),
    }),
  };
}

interface Observed {
  readonly labels: Labels;
  /** How many values fell into each bucket and into none before it. */
  readonly counts: number[];
  sum: number;
  count: number;
}

function histogramSamples(
  { labels, counts, sum, count }: Observed,
  buckets: readonly number[],
): readonly MetricSample[] {
  let below = 0;
  const samples = buckets.map((bound, index) => {
    below += counts[index] ?? 0;
    const le = String(bound);
    return { labels: { ...labels, le }, value: below, suffix: "_bucket" };
  });
  return [
    ...samples,
    { labels: { ...labels, le: "+Inf" }, value: count, suffix: "_bucket" },
    { labels, value: sum, suffix: "_sum" },
    { labels, value: count, suffix: "_count" },
  ];
}

function keyOf(labels: Labels): string {
  return JSON.stringify(Object.entries(labels));
}

function found<V>(values: Map<string, V>, key: string, make: () => V): V {
  const known = values.get(key);
  if (known !== undefined) return known;
  const made = make();
  values.set(key, made);
  return made;
}
