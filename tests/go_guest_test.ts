import assert from "node:assert/strict";
import { buildGoGuest } from "./go_guest.ts";
import { needing } from "./needing.ts";
import { runGuest, RunningGuest } from "./run_guest.ts";
import { testGo } from "./test_program.ts";

const hostname = "127.0.0.1";
const missing = testGo() === undefined ? "no Go" : undefined;

Deno.test({
  ...needing(missing, "a Go server answers many requests at once"),
  fn: async () => {
    await using built = await buildGoGuest("listener");
    assert.ok(built);
    const port = freePort();
    await using guest = await RunningGuest.start("listener", [], {
      module: built.module,
      listeners: [{ hostname, port }],
    });
    await guest.untilStdout("serving");
    const url = `http://${hostname}:${port}`;
    const begun = performance.now();
    const answers = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const response = await fetch(`${url}/slow`);
        return await response.text();
      }),
    );
    assert.deepEqual(answers, Array(8).fill("slow\n"));
    // One after the other, they take 2.4 s.
    assert.ok(performance.now() - begun < 1800);
    const body = new Uint8Array(5_000_000).map((_, i) => i * 7);
    const response = await fetch(`${url}/echo`, { method: "POST", body });
    assert.deepEqual(await response.bytes(), body);
  },
});

Deno.test({
  ...needing(missing, "a Go program connects to where its pod may"),
  fn: async () => {
    await using built = await buildGoGuest("dialer");
    assert.ok(built);
    const { module } = built;
    using server = Deno.listen({ hostname, port: 0 });
    const { port } = server.addr as Deno.NetAddr;
    const dial = (allowedHosts: readonly string[]) =>
      runGuest("dialer", [hostname, `${port}`], { module, allowedHosts });
    const allowed = dial([`${hostname}:${port}`]);
    {
      using connection = await server.accept();
      await connection.read(new Uint8Array(5));
      await connection.write(new TextEncoder().encode("answer"));
    }
    assert.equal((await allowed).stdout, "answer <nil>\n");
    assert.equal(
      (await dial(["10.0.0.1"])).stdout,
      "dial: Permission denied\n",
    );
  },
});

function freePort(): number {
  using listener = Deno.listen({ hostname, port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}
