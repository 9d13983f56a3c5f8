import type { KubeletContext } from "./context.ts";

/** One thing that must be well. */
export interface HealthCheck {
  /** Also the last part of its path: `/healthz/syncloop`. */
  readonly name: string;
  /** What is wrong; undefined when nothing is. */
  fault(): string | undefined;
}

/** The kubelet's checks, by the same names. */
export function healthChecks(
  ctx: Pick<KubeletContext, "podsSynced">,
): readonly HealthCheck[] {
  return [
    { name: "ping", fault: () => undefined },
    // Log lines are written at once: were that to block, nobody would be here to answer.
    { name: "log", fault: () => undefined },
    {
      name: "syncloop",
      fault: () =>
        ctx.podsSynced?.() === false
          ? "the pods of the node are not known yet"
          : undefined,
    },
  ];
}

/**
 * The answer of `/healthz`, worded as k8s.io/apiserver/pkg/server/healthz does: why a check fails
 * is told at its own path only, since this one is open to everybody.
 *
 * @param query `exclude=NAME`, also repeated, leaves checks out; `verbose` lists them.
 */
export function healthSummary(
  checks: readonly HealthCheck[],
  query: URLSearchParams,
): Response {
  const excluded = new Set(query.getAll("exclude"));
  const results = checks.map((check) => {
    const { name } = check;
    if (excluded.has(name)) return { line: `[+]${name} excluded: ok` };
    return check.fault() === undefined
      ? { line: `[+]${name} ok` }
      : { line: `[-]${name} failed: reason withheld`, failed: true };
  });
  const unknown = [...excluded].filter((name) =>
    !checks.some((check) => check.name === name)
  ).toSorted().map((name) => `"${name}"`);
  const lines = results.map(({ line }) => line);
  if (unknown.length > 0) {
    const names = unknown.join(",");
    lines.push(
      `warn: some health checks cannot be excluded: no matches for ${names}`,
    );
  }
  if (results.some(({ failed }) => failed)) {
    return plain(`${lines.join("\n")}\nhealthz check failed\n`, 500);
  }
  if (!query.has("verbose")) return plain("ok", 200);
  return plain(`${lines.join("\n")}\nhealthz check passed\n`, 200);
}

/** The answer of a check's own path. */
export function healthDetail(check: HealthCheck): Response {
  const fault = check.fault();
  if (fault === undefined) return plain("ok", 200);
  return plain(`internal server error: ${fault}\n`, 500);
}

function plain(text: string, status: number): Response {
  return new Response(text, {
    status,
    headers: {
      "Content-Type": "text/plain; charset=utf-8",
      "X-Content-Type-Options": "nosniff",
    },
  });
}
