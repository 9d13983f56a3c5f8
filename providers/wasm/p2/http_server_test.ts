import assert from "node:assert/strict";
import { delay } from "../../../async/delay.ts";
import { HttpCounter } from "../http_usage.ts";
import { ComponentInstance } from "./component_instance.ts";
import { OutgoingBody } from "./http_bodies.ts";
import { Fields } from "./http_fields.ts";
import { OutgoingResponse, ResponseOutparam } from "./http_messages.ts";
import { HttpGuestServer } from "./http_server.ts";

const { signal } = new AbortController();

Deno.test("HttpGuestServer lets a guest work on once the client has all of its answer", async () => {
  const guest = new TestGuest(async (response) => {
    OutgoingBody.finish(response.body());
    // Longer than it takes until a client is looked after.
    await delay(800, { signal });
  });
  const response = await fetch(guest.url);
  assert.equal(await response.text(), "");
  await guest.done;
  assert.equal(guest.instance.hasEnded, false);
  await guest.server.drain();
});

Deno.test("HttpGuestServer ends a guest whose client has gone before it had its answer", async () => {
  const guest = new TestGuest(async (response) => {
    response.body();
    await guest.instance.ended;
  });
  const response = await fetch(guest.url);
  await response.body?.cancel();
  await guest.done;
  assert.equal(guest.instance.hasEnded, true);
  await guest.server.drain();
});

/** A server whose guest answers once, and then does as it is told. */
class TestGuest {
  readonly instance = new TestInstance();
  readonly server: HttpGuestServer;
  readonly url: string;
  readonly #done = Promise.withResolvers<void>();

  constructor(goOn: (response: OutgoingResponse) => Promise<void>) {
    const port = freePort();
    this.url = `http://127.0.0.1:${port}/`;
    this.server = new HttpGuestServer([{ hostname: "127.0.0.1", port }], {
      settings: { poolSize: 0, maxInvocations: 1, maxConcurrency: 1 },
      counter: new HttpCounter(),
      instantiate: () => this.instance,
      handle: async (_instance, _request, param) => {
        const response = new OutgoingResponse(new Fields());
        const going = goOn(response);
        ResponseOutparam.set(param, { tag: "ok", val: response });
        await going;
        this.#done.resolve();
      },
      failed: (why) => assert.fail(why),
    });
  }

  /** Resolves when the guest has done what it was told. */
  get done(): Promise<void> {
    return this.#done.promise;
  }
}

/** One of no component, which tells whether it was ended. */
class TestInstance extends ComponentInstance {
  readonly #ended = Promise.withResolvers<void>();
  hasEnded = false;

  constructor() {
    super({
      program: {
        modules: [],
        steps: [],
        exports: new Map(),
        calls: [],
        parts: 0,
      },
      ...{ modules: [], imports: {}, shapes: new Map(), hosts: new Map() },
    });
  }

  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  override end(reason: unknown): void {
    super.end(reason);
    this.hasEnded = true;
    this.#ended.resolve();
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
