import { abortable } from "../../async/abort.ts";
import { Deadline } from "../../async/deadline.ts";

/** For tests: settles as `promise` does, or rejects after `ms`: what hangs should fail. */
export async function within<T>(promise: Promise<T>, ms = 10_000): Promise<T> {
  using limit = new Deadline(ms, new AbortController());
  return await abortable(promise, limit);
}
