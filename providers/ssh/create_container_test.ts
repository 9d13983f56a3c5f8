import assert from "node:assert/strict";
import type { AbortOptions } from "../../async/abort.ts";
import type { CreateBody } from "./create_body.ts";
import { createContainer } from "./create_container.ts";

const body = { Image: "pause", Labels: {}, HostConfig: {} } as CreateBody;

Deno.test("createContainer() does not give up before the engine has made what it was asked for", async () => {
  const made = Promise.withResolvers<string>();
  const engine = {
    createContainer: (_: string, __: unknown, { signal }: AbortOptions) => {
      signal.addEventListener("abort", () => made.reject(signal.reason));
      return made.promise;
    },
  };
  const gaveUp = new AbortController();
  const creating = createContainer(
    { engine: engine as never, inventory: {} as never },
    { name: "sandbox", body },
    { signal: gaveUp.signal },
  );
  let settled = false;
  const ended = creating.catch(() => undefined).then(() => settled = true);
  gaveUp.abort(new Error("Pod is deleted"));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(settled, false);
  made.resolve("id");
  await ended;
  await assert.rejects(creating, /Pod is deleted/);
});
