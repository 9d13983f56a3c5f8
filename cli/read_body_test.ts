import assert from "node:assert/strict";
import { readBody } from "./read_body.ts";

const { signal } = new AbortController();

/** A body of one chunk, then whatever `next` does. */
function body(
  next: (controller: ReadableStreamDefaultController<Uint8Array>) => void,
): { readonly stream: ReadableStream<Uint8Array>; cancelled: boolean } {
  let chunks = 0;
  const made = {
    cancelled: false,
    stream: new ReadableStream<Uint8Array>({
      pull(controller) {
        if (chunks++ === 0) return controller.enqueue(Uint8Array.of(7));
        next(controller);
      },
      cancel() {
        made.cancelled = true;
      },
    }, { highWaterMark: 0 }),
  };
  return made;
}

Deno.test("readBody() gives the chunks until the end", async () => {
  const { stream } = body((controller) => controller.close());
  const found = await Array.fromAsync(readBody(stream, { signal }));
  assert.deepEqual(found, [Uint8Array.of(7)]);
});

Deno.test("readBody() says that the connection was lost", async () => {
  const { stream } = body((controller) => controller.error(new TypeError()));
  await assert.rejects(Array.fromAsync(readBody(stream, { signal })), {
    message: "Lost the connection to the agent",
  });
});

Deno.test("readBody() ends a pending read when aborted, whoever made the body", async () => {
  const stop = new AbortController();
  const made = body(() => stop.abort(new Error("enough")));
  await assert.rejects(Array.fromAsync(readBody(made.stream, stop)), {
    message: "enough",
  });
  assert.equal(made.cancelled, true);
});

Deno.test("readBody() lets go of a body that nobody reads on", async () => {
  const made = body(() => assert.fail("read on"));
  for await (const _ of readBody(made.stream, { signal })) break;
  assert.equal(made.cancelled, true);
});
