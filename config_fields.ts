import { isIP } from "node:net";
import * as z from "zod";
import { formatDuration, parseDuration } from "./k8s/duration.ts";
import { parseQuantity } from "./k8s/quantity.ts";

/** An object whose unknown fields are errors that name the known ones. */
export function fields<T extends z.ZodRawShape>(shape: T) {
  const known = Object.keys(shape).join(", ");
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? `unknown field ${quoted(issue["keys"])}; known here are ${known}`
        : `expected a map with the fields ${known}`,
  });
}

/** Words for a message. */
export function quoted(keys: unknown): string {
  return Array.isArray(keys) ? keys.map((key) => `"${key}"`).join(", ") : "";
}

/** A string; anything else is answered by what was expected. */
export function text(what: string) {
  return z.string(not(what));
}

/** One of some words. */
export function oneOf<const T extends readonly string[]>(words: T) {
  return z.enum(words, not(words.join(" or ")));
}

/** An IPv4 or IPv6 address. */
export function ip() {
  return text("an IP address").refine(
    (text) => isIP(text) !== 0,
    not("an IP address such as 10.0.0.5"),
  );
}

/** A whole number between bounds; `what` says which. */
export function wholeNumber(
  what: string,
  { min, max = Number.MAX_SAFE_INTEGER }: {
    readonly min: number;
    readonly max?: number;
  },
) {
  return z.int(not(what)).min(min, not(what)).max(max, not(what));
}

/** Milliseconds, from the text that Go takes; `fallback` is such a text too. */
export function duration(
  fallback: string,
  { min = 0 }: { readonly min?: number } = {},
) {
  const atLeast = min === 0 ? "" : ` of at least ${formatDuration(min)}`;
  const expected = `a duration such as ${fallback}${atLeast}`;
  return text(expected)
    .refine((text) => (parseDuration(text) ?? -1) >= min, not(expected))
    .transform((text) => parseDuration(text) ?? min)
    .prefault(fallback);
}

/** An amount of something, not less than none; `example` is one. */
export function quantity(example: string) {
  const expected = `a quantity such as ${example}`;
  return text(expected).refine(isAmount, not(expected));
}

function isAmount(text: string): boolean {
  try {
    return parseQuantity(text) >= 0;
  } catch {
    return false; // The schema says what it expected.
  }
}

/** The message of a value that is not what was expected. */
export function not(expected: string) {
  return {
    error: ({ input }: { readonly input?: unknown }) =>
      input === undefined
        ? `missing: expected ${expected}`
        : `expected ${expected}, not ${JSON.stringify(input)}`,
  };
}
