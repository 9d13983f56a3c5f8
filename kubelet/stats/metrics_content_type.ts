/** How metric names that are no plain words may be written; ours all are. */
const escapings: ReadonlySet<string> = new Set([
  ...["allow-utf-8", "underscores", "dots", "values"],
]);

/**
 * The type of a text exposition, as `expfmt.Negotiate` of Prometheus' library words it.
 *
 * @param accept The header of that name; whatever it asks for, it gets the text format.
 */
export function metricsContentType(accept: string): string {
  const asked = [...accept.matchAll(/;\s*escaping=([^;,\s]+)/g)]
    .map(([, escaping = ""]) => escaping)
    .find((escaping) => escapings.has(escaping));
  return `text/plain; version=0.0.4; charset=utf-8; escaping=${
    asked ?? "underscores"
  }`;
}
