import assert from "node:assert/strict";
import { addressToward } from "./node_address.ts";

const { signal } = new AbortController();

Deno.test("addressToward() is the local address of the connection", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const server = new URL(`https://127.0.0.1:${listener.addr.port}`);
  const accepting = listener.accept();
  assert.equal(await addressToward(server, { signal }), "127.0.0.1");
  (await accepting).close();
});

Deno.test("addressToward() waits for a server that does not listen yet", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const finding = addressToward(new URL(`http://127.0.0.1:${port}`), {
    signal,
  });
  await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port }));
  using late = Deno.listen({ hostname: "127.0.0.1", port });
  const accepting = late.accept();
  assert.equal(await finding, "127.0.0.1");
  (await accepting).close();
});

Deno.test("addressToward() rejects with the reason when aborted", async () => {
  const server = new URL("https://127.0.0.1:9");
  await assert.rejects(
    addressToward(server, { signal: AbortSignal.abort("enough") }),
    (error) => error === "enough",
  );
});
