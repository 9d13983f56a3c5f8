import type { AbortOptions } from "../async/abort.ts";

/** Gives a token; from a cache unless `fresh`. */
export type TokenSource = (
  options: AbortOptions & { readonly fresh?: boolean },
) => Promise<string>;

/** How long a token from a file is used before the file is read again; as client-go. */
const tokenFileAgeMs = 60_000;

/**
 * The token in a file that others replace from time to time, as a kubelet does with that of a
 * service account.
 *
 * @param now Milliseconds since 1970; the clock by default.
 */
export function tokenFile(
  path: string,
  now: () => number = Date.now,
): TokenSource {
  let token = "";
  let readAt = -Infinity;
  return async ({ fresh = false }) => {
    if (!fresh && now() - readAt < tokenFileAgeMs) return token;
    try {
      token = (await Deno.readTextFile(path)).trim();
    } catch (cause) {
      throw new Error(`Cannot read token file "${path}": it is not readable`, {
        cause,
      });
    }
    readAt = now();
    return token;
  };
}
