/** What one line of an exposition measures, and how much. */
export interface MetricSample {
  /** In the order in which they are written; of no two samples of a family the same. */
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** When it was measured, where the scraper's own clock will not do. */
  readonly at?: Date;
  /** What the line's name has behind that of the family: `_bucket`, `_sum`, `_count`. */
  readonly suffix?: string;
}

/** All samples of one name. */
export interface MetricFamily {
  /** Such as `node_cpu_usage_seconds_total`. */
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly samples: readonly MetricSample[];
}

/**
 * The families as Prometheus reads them, sorted by name; those without a sample are left out.
 *
 * The format is https://prometheus.io/docs/instrumenting/exposition_formats/ in version 0.0.4.
 */
export function metricText(families: Iterable<MetricFamily>): string {
  return [...families].filter(({ samples }) => samples.length > 0)
    .toSorted((a, b) => a.name < b.name ? -1 : 1).map(familyText).join("");
}

function familyText({ name, help, type, samples }: MetricFamily): string {
  const lines = samples.map((sample) => sampleLine(name, sample));
  return [
    `# HELP ${name} ${escapeHelp(help)}`,
    `# TYPE ${name} ${type}`,
    ...lines,
    "",
  ].join("\n");
}

function sampleLine(
  name: string,
  { labels, value, at, suffix = "" }: MetricSample,
): string {
  const pairs = Object.entries(labels).map(([name, value]) =>
    `${name}="${escapeLabel(value)}"`
  ).join(",");
  const series = `${name}${suffix}${pairs === "" ? "" : `{${pairs}}`}`;
  const time = at === undefined ? "" : ` ${at.getTime()}`;
  return `${series} ${metricNumber(value)}${time}`;
}

/** As Go's `ParseFloat` reads it: digits as they are, and the words for what is no number. */
function metricNumber(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  return String(value);
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}
