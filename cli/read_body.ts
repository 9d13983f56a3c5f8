import type { AbortOptions } from "../async/abort.ts";

/**
 * The bytes of an answer of the agent as they come. Rejects with the signal's reason when aborted,
 * and when the connection is lost.
 *
 * The signal given to `fetch` is not enough: Deno 2.9 forgets it once the `Response` is garbage,
 * while its body is still read.
 */
export async function* readBody(
  body: ReadableStream<Uint8Array>,
  { signal }: AbortOptions,
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  const cancel = () => {
    reader.cancel(signal.reason).catch(ignore);
  };
  signal.addEventListener("abort", cancel, { once: true });
  try {
    for (;;) {
      signal.throwIfAborted();
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) return;
      yield value;
    }
  } catch (cause) {
    signal.throwIfAborted();
    throw new Error("Lost the connection to the agent", { cause });
  } finally {
    signal.removeEventListener("abort", cancel);
    await reader.cancel().catch(ignore);
  }
}

/** A body that has failed already cannot be given up any more, and need not be. */
function ignore(): void {}
