import assert from "node:assert/strict";
import { IncomingBody } from "./http_bodies.ts";

const ends: readonly [string, (body: IncomingBody) => unknown][] = [
  ["finishes", (body) => IncomingBody.finish(body)],
  ["drops", (body) => body[Symbol.dispose]()],
];
for (const [name, end] of ends) {
  Deno.test(`IncomingBody lets go of bytes that a guest ${name} unread`, () => {
    const bytes = new TestBytes();
    end(new IncomingBody(bytes.stream));
    assert.equal(bytes.cancelled, 1);
  });

  Deno.test(`IncomingBody leaves its stream alone that a guest ${name} it after`, () => {
    const bytes = new TestBytes();
    const body = new IncomingBody(bytes.stream);
    using _stream = body.stream();
    end(body);
    assert.equal(bytes.cancelled, 0);
  });
}

class TestBytes {
  cancelled = 0;
  readonly stream = new ReadableStream<Uint8Array>({
    cancel: () => void this.cancelled++,
  });
}
