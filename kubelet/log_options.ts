import * as z from "zod";
import type { LogOptions } from "../providers/runtime.ts";

/** The outcome of {@linkcode parseLogOptions}. */
export type ParsedLogOptions =
  | { readonly kind: "valid"; readonly options: LogOptions }
  /** A value of the wrong shape: 400. */
  | { readonly kind: "undecodable" }
  /** A value that makes no sense: 422. */
  | { readonly kind: "invalid" };

/** As the API server's codec reads booleans: everything but these two words is true. */
const flag = z.string().optional().transform((word) =>
  word !== undefined && word !== "0" && word.toLowerCase() !== "false"
);
const int64 = z.string().regex(/^[+-]?\d+$/).transform(BigInt)
  .refine((n) => BigInt.asIntN(64, n) === n).transform(Number).optional();
/** Empty and `null` were sent by old clients for no time at all: the year 1. */
const time = z.union([
  z.enum(["", "null"]).transform(() => new Date("0001-01-01T00:00:00Z")),
  z.iso.datetime({ offset: true }).transform((text) => new Date(text)),
]).optional();

const query = z.object({
  follow: flag,
  previous: flag,
  timestamps: flag,
  tailLines: int64,
  limitBytes: int64,
  sinceSeconds: int64,
  sinceTime: time,
  stream: z.string().optional(),
});

/**
 * Reads the query of `GET /containerLogs/…` as the kubelet does: `tail` is an old name of
 * `tailLines`, the first of repeated parameters counts, unknown ones are ignored.
 */
export function parseLogOptions(
  parameters: URLSearchParams,
  now: Date,
): ParsedLogOptions {
  const given = Object.fromEntries([...parameters].reverse());
  const { tail } = given;
  if (tail) given.tailLines = tail;
  if (tail === "all") delete given.tailLines;
  const parsed = query.safeParse(given);
  if (!parsed.success) return { kind: "undecodable" };
  if (!valid(parsed.data)) return { kind: "invalid" };
  const { sinceSeconds, sinceTime, stream, tailLines, limitBytes, ...flags } =
    parsed.data;
  const since = sinceSeconds === undefined
    ? sinceTime
    : new Date(now.getTime() - sinceSeconds * 1000);
  return {
    kind: "valid",
    options: {
      ...flags,
      ...(tailLines !== undefined && { tailLines }),
      ...(limitBytes !== undefined && { limitBytes }),
      ...(since !== undefined && { since }),
      ...(stream === "Stdout" && { stream: "stdout" }),
      ...(stream === "Stderr" && { stream: "stderr" }),
    },
  };
}

/** ValidatePodLogOptions of kubernetes/pkg/apis/core/validation, with stream selection on. */
function valid(
  { tailLines, limitBytes, sinceSeconds, sinceTime, stream }: z.output<
    typeof query
  >,
): boolean {
  if (tailLines !== undefined && tailLines < 0) return false;
  if (limitBytes !== undefined && limitBytes < 1) return false;
  if (sinceSeconds !== undefined && sinceSeconds < 1) return false;
  if (sinceSeconds !== undefined && sinceTime !== undefined) return false;
  if (stream === undefined || stream === "All") return true;
  return (stream === "Stdout" || stream === "Stderr") &&
    tailLines === undefined;
}
