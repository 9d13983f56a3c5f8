import assert from "node:assert/strict";
import type { Container } from "../k8s/types.ts";
import type { ContainerRef } from "../providers/runtime.ts";
import type { RecordContainerEvent } from "./images.ts";
import { hookOf, type HookRuntime, runHook } from "./hooks.ts";
import { localDial } from "./test_dial.ts";

const { signal } = new AbortController();

function target(lifecycle: Container["lifecycle"] = {}) {
  const container: Container = { name: "app", lifecycle };
  return { podUid: "u1", podIp: "127.0.0.1", container };
}

const noEvents = () => {};

async function run(
  lifecycle: NonNullable<Container["lifecycle"]>,
  runtime: HookRuntime = {},
  record: RecordContainerEvent = noEvents,
): Promise<void> {
  const hooked = target(lifecycle);
  const handler = hookOf(hooked.container, "preStop");
  assert.ok(handler);
  await runHook(runtime, handler, hooked, { record, signal });
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
    /the command exited with 1/,
  );
  assert.deepEqual(runtime.commands, ["u1 app: touch /x", "u1 app: false"]);
});

Deno.test("runHook() takes any answer to a GET, and asks by HTTP what has no TLS", async () => {
  const asked: string[] = [];
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    ({ url, headers }) => {
      asked.push(`${new URL(url).pathname} ${headers.get("user-agent")}`);
      asked.push(`${headers.get("authorization")} ${headers.get("x-a")}`);
      return new Response("no", { status: 500 });
    },
  );
  const { port } = server.addr;
  const runtime: HookRuntime = { dial: localDial };
  const httpHeaders = [
    { name: "Authorization", value: "secret" },
    { name: "X-A", value: "b" },
  ];
  const events: string[] = [];
  const get = (path: string, scheme: string) => {
    const httpGet = { port, path, scheme, httpHeaders };
    return run({ preStop: { httpGet } }, runtime, (...event) => {
      events.push(event.join(" "));
    });
  };
  await get("/bye", "HTTP");
  assert.deepEqual(events, []);
  await get("/tls", "HTTPS");
  assert.deepEqual(asked, [
    "/bye kube-lifecycle/1.37",
    "secret b",
    "/tls kube-lifecycle/1.37",
    // Meant for TLS only.
    "null b",
  ]);
  assert.deepEqual(events, [
    `Warning LifecycleHTTPFallback request to HTTPS lifecycle hook 127.0.0.1:${port} got HTTP response, retry with HTTP succeeded`,
  ]);
});

Deno.test("runHook() fails with a tcpSocket, as in every kubelet", async () => {
  await assert.rejects(
    run({ preStop: { tcpSocket: { port: 1 } } }),
    /no handler that can be run/,
  );
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
    runHook({}, handler, target(), { record: noEvents, signal: aborted }),
    /enough/,
  );
});
