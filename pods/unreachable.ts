import { UnreachableError } from "../providers/errors.ts";

/** Whether something failed because nobody can reach where containers run; also where it is a cause. */
export function isUnreachable(error: unknown): boolean {
  if (error instanceof UnreachableError) return true;
  return error instanceof Error && error.cause !== undefined &&
    isUnreachable(error.cause);
}

/** How long after a failure to reach a runtime it is asked again, unless it says something before. */
export const unreachableRetry = 10_000;
