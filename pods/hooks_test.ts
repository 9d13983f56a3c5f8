import assert from "node:assert/strict";
import type { Container } from "../k8s/types.ts";
import type { ContainerRef } from "../providers/runtime.ts";
import { hookOf, type HookRuntime, runHook } from "./hooks.ts";
import { localDial } from "./test_dial.ts";

const { signal } = new AbortController();

function target(lifecycle: Container["lifecycle"] = {}) {
  const container: Container = { name: "app", lifecycle };
  return { podUid: "u1", podIp: "127.0.0.1", container };
}

async function run(
  lifecycle: NonNullable<Container["lifecycle"]>,
  runtime: HookRuntime = {},
): Promise<void> {
  const hooked = target(lifecycle);
  const handler = hookOf(hooked.container, "preStop");
  assert.ok(handler);
  await runHook(runtime, handler, hooked, { signal });
}

/** Runs commands as real runtimes do: with a state of its own. */
class Commands implements HookRuntime {
  readonly commands: string[] = [];

  exec(
    { podUid, container }: ContainerRef,
    command: readonly string[],
  ): Promise<number> {
    this.commands.push(`${podUid} ${container}: ${command.join(" ")}`);
    return Promise.resolve(command[0] === "false" ? 1 : 0);
  }
}

Deno.test("runHook() runs a command in the container, and says how it failed", async () => {
  const runtime = new Commands();
  await run({ preStop: { exec: { command: ["touch", "/x"] } } }, runtime);
  await assert.rejects(
    run({ preStop: { exec: { command: ["false"] } } }, runtime),
    /'false' exited with 1/,
  );
  assert.deepEqual(runtime.commands, ["u1 app: touch /x", "u1 app: false"]);
});

Deno.test("runHook() takes any answer to a GET, and asks by HTTP what has no TLS", async () => {
  const asked: string[] = [];
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    ({ url, headers }) => {
      asked.push(`${new URL(url).pathname} ${headers.get("user-agent")}`);
      return new Response("no", { status: 500 });
    },
  );
  const { port } = server.addr;
  const runtime: HookRuntime = { dial: localDial };
  await run({ preStop: { httpGet: { port, path: "/bye" } } }, runtime);
  const scheme = "HTTPS";
  await run({ preStop: { httpGet: { port, path: "/tls", scheme } } }, runtime);
  assert.deepEqual(asked, [
    "/bye kube-lifecycle/1.37",
    "/tls kube-lifecycle/1.37",
  ]);
});

Deno.test("runHook() fails where nobody listens, with Go's words", async () => {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr;
  listener.close();
  await assert.rejects(
    run({ preStop: { httpGet: { port } } }, { dial: localDial }),
    /^Error: Get "http:\/\/127\.0\.0\.1:\d+\/": /,
  );
});

Deno.test("runHook() sleeps until it is aborted", async () => {
  await run(
    { preStop: { sleep: { seconds: 0 } } } as Container["lifecycle"] & object,
  );
  const handler = { sleep: { seconds: 3600 } };
  const aborted = AbortSignal.abort(new Error("enough"));
  await assert.rejects(
    runHook({}, handler, target(), { signal: aborted }),
    /enough/,
  );
});
