import { abortable, type AbortOptions } from "../async/abort.ts";

/**
 * Gives each chunk of `source` to `take`, one after the other, until it ends. Unlike `pipeTo` it
 * ends at once when aborted or when the source fails, also while a chunk is being taken. Cancels a
 * source that has not ended.
 */
export async function pump<T>(
  source: ReadableStream<T>,
  take: (chunk: T) => Promise<void>,
  { signal }: AbortOptions,
): Promise<void> {
  const reader = source.getReader();
  const failed = new AbortController();
  reader.closed.catch((error) => failed.abort(error));
  const either = { signal: AbortSignal.any([signal, failed.signal]) };
  try {
    for (;;) {
      const { done, value } = await abortable(reader.read(), either);
      if (done) return;
      await abortable(take(value), either);
    }
  } finally {
    // A source that has failed said so to whoever read it.
    await reader.cancel().catch(() => undefined);
    reader.releaseLock();
  }
}

/**
 * The same stream until the signal aborts: then it fails, however long the source takes, and the
 * source is cancelled. Nothing is read before it is asked for.
 */
export function endingWith<T>(
  signal: AbortSignal,
  source: ReadableStream<T>,
): ReadableStream<T> {
  const reader = source.getReader();
  const cancel = () => reader.cancel().catch(() => undefined);
  signal.addEventListener("abort", cancel, { once: true });
  return new ReadableStream<T>({
    async pull(controller) {
      const { done, value } = await abortable(reader.read(), { signal });
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}
