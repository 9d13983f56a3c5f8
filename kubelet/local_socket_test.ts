import assert from "node:assert/strict";
import { join } from "node:path";
import { ConfigError } from "../async/config_error.ts";
import { listenLocally, removeDeadSockets } from "./local_socket.ts";

async function withDir(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "s" });
  try {
    await use(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** A socket that nobody listens on any more, as a killed agent leaves it. */
function leaveDead(path: string): void {
  const first = `${path}.first`;
  const listener = Deno.listen({ transport: "unix", path: first });
  Deno.renameSync(first, path);
  listener.close();
}

async function names(dir: string): Promise<readonly string[]> {
  return (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name);
}

Deno.test("listenLocally() makes a socket for its owner alone, and removes it", async () => {
  await withDir(async (dir) => {
    const path = join(dir, "agent.sock");
    const socket = await listenLocally(path);
    assert.equal(((await Deno.lstat(path)).mode ?? 0) & 0o777, 0o600);
    assert.deepEqual(await names(dir), ["agent.sock"]);
    (await Deno.connect({ transport: "unix", path })).close();
    socket.listener.close();
    await socket[Symbol.asyncDispose]();
    assert.deepEqual(await names(dir), []);
  });
});

Deno.test("listenLocally() replaces the socket of a dead agent", async () => {
  await withDir(async (dir) => {
    const path = join(dir, "agent.sock");
    leaveDead(path);
    await using socket = await listenLocally(path);
    using _ = socket.listener;
    (await Deno.connect({ transport: "unix", path })).close();
  });
});

Deno.test("listenLocally() refuses the socket of a live agent, which goes on", async () => {
  await withDir(async (dir) => {
    const path = join(dir, "agent.sock");
    await using socket = await listenLocally(path);
    using _ = socket.listener;
    await assert.rejects(listenLocally(path), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, /another agent answers there/);
      return true;
    });
    (await Deno.connect({ transport: "unix", path })).close();
  });
});

Deno.test("listenLocally() leaves a socket alone that is another agent's by now", async () => {
  await withDir(async (dir) => {
    const path = join(dir, "agent.sock");
    const first = await listenLocally(path);
    first.listener.close();
    await using second = await listenLocally(path);
    using _ = second.listener;
    await first[Symbol.asyncDispose]();
    (await Deno.connect({ transport: "unix", path })).close();
  });
});

Deno.test("listenLocally() names the limit when the path is too long", async () => {
  await withDir(async (dir) => {
    const longest = join(dir, "x".repeat(107 - dir.length - 1));
    await using socket = await listenLocally(longest);
    socket.listener.close();
    await assert.rejects(listenLocally(`${longest}x`), {
      name: "ConfigError",
      message: /at most 107 bytes, and this has 108/,
    });
  });
});

Deno.test("removeDeadSockets() removes only what is dead and has such a name", async () => {
  await withDir(async (dir) => {
    leaveDead(join(dir, "run-1.sock"));
    leaveDead(join(dir, "agent.sock"));
    await using socket = await listenLocally(join(dir, "run-2.sock"));
    using _ = socket.listener;
    await removeDeadSockets(dir, /^run-\d+\.sock$/);
    const left = (await names(dir)).toSorted();
    assert.deepEqual(left, ["agent.sock", "run-2.sock"]);
  });
});
