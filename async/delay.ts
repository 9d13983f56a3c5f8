import type { AbortOptions } from "./abort.ts";

/** Resolves after `ms` milliseconds; rejects with the signal's reason if that comes first. */
export function delay(ms: number, { signal }: AbortOptions): Promise<void> {
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal.addEventListener("abort", abort, { once: true });
  });
}
