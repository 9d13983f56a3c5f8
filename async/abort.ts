/** Options taken by everything that waits: the caller can always give up. */
export interface AbortOptions {
  readonly signal: AbortSignal;
}

/** Resolves when `signal` aborts; resolves at once if it already has. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}

/**
 * Settles as `promise` does, or rejects with the signal's reason as soon as it aborts.
 *
 * The work behind `promise` goes on; use this only for work that cannot be cancelled itself.
 */
export async function abortable<T>(
  promise: Promise<T>,
  { signal }: AbortOptions,
): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => undefined); // Nobody waits for it any more.
    throw signal.reason;
  }
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
