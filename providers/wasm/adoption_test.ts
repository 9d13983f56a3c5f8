import assert from "node:assert/strict";
import { join } from "node:path";
import { plainContainer, plainSandbox } from "../test_specs.ts";
import { identifyProcess, isRunning, killProcess } from "./process_identity.ts";
import { Bench, guests, openRuntime } from "./test_bench.ts";

Deno.test("WasmRuntime adopts what an agent left that was killed", async () => {
  await using bench = await Bench.open();
  await bench.runtime[Symbol.asyncDispose]();
  const { pid, agent } = await startAgentWithContainer(bench);
  const guest = await identifyProcess(pid);
  assert.ok(await isRunning(guest));
  await assert.rejects(openRuntime(bench.dir), /another agent .*uses it/);
  agent.kill("SIGKILL");
  await agent.status;
  bench.runtime = await openRuntime(bench.dir);
  assert.equal(await isRunning(guest), false);
  const pods = await bench.runtime.listPods(bench.options);
  assert.deepEqual(pods.map(({ uid }) => uid).toSorted(), [
    "agent-pod",
    "uid-1",
  ]);
  const running = await bench.container("main", "agent-pod");
  assert.equal(running?.state.kind, "terminated");
  const { exit } = running.state;
  assert.equal(exit.code, 137);
  assert.equal(exit.reason, "ContainerStatusUnknown");
  const finished = await bench.container("done", "agent-pod");
  assert.equal(finished?.state.kind, "terminated");
  assert.equal(finished.state.exit.code, 5);
  assert.equal(await bench.logs({}, "done", "agent-pod"), "before\n");
  await bench.reopen();
  const again = await bench.container("main", "agent-pod");
  assert.deepEqual(again, running);
});

Deno.test("WasmRuntime leaves a later process with a known number alone", async () => {
  await using bench = await Bench.open();
  await bench.run(["exit", "0"]);
  await bench.runtime[Symbol.asyncDispose]();
  const innocent = new Deno.Command("sleep", { args: ["60"] }).spawn();
  try {
    const { startTicks = 0, ...rest } = await identifyProcess(innocent.pid);
    const dir = join(bench.stateDir, "pods/uid-1/containers/main/0");
    const path = join(dir, "container.json");
    const record = JSON.parse(await Deno.readTextFile(path));
    const old = { ...rest, startTicks: startTicks - 1 };
    await Deno.writeTextFile(path, JSON.stringify({ ...record, process: old }));
    await Deno.remove(join(dir, "exit.json"));
    bench.runtime = await openRuntime(bench.dir);
    const exit = await bench.exit();
    assert.equal(exit.reason, "ContainerStatusUnknown");
    const identity = await identifyProcess(innocent.pid);
    assert.ok(await isRunning(identity));
    // The very process that is on record, on the other hand, is ended.
    await bench.runtime[Symbol.asyncDispose]();
    await Deno.writeTextFile(
      path,
      JSON.stringify({ ...record, process: identity }),
    );
    await Deno.remove(join(dir, "exit.json"));
    bench.runtime = await openRuntime(bench.dir);
    assert.equal(await isRunning(identity), false);
    assert.equal((await innocent.status).signal, "SIGKILL");
  } finally {
    await killProcess(await identifyProcess(innocent.pid));
    await innocent.status;
  }
});

Deno.test("WasmRuntime keeps its state to itself", async () => {
  await using bench = await Bench.open();
  await bench.run(["echo", "secret"]);
  const mode = async (path: string) =>
    ((await Deno.stat(join(bench.stateDir, path))).mode ?? 0) & 0o777;
  assert.equal(await mode("."), 0o700);
  assert.equal(await mode("pods/uid-1"), 0o700);
  const dir = "pods/uid-1/containers/main/0";
  for (const file of ["container.json", "exit.json", "0.log"]) {
    assert.equal(await mode(`${dir}/${file}`), 0o600);
  }
  await assert.rejects(openRuntime(bench.dir), /another agent \(process \d+\)/);
  for (const uid of ["..", "a/b", ""]) {
    await assert.rejects(bench.createSandbox(uid), TypeError);
  }
});

/** Another process with a runtime over the same state directory, and one of its guests. */
async function startAgentWithContainer(
  bench: Bench,
): Promise<{ pid: number; agent: Deno.ChildProcess }> {
  const script = join(bench.dir, "agent.ts");
  await Deno.writeTextFile(
    script,
    agentScript(bench),
  );
  const agent = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--config", configPath(), script],
    stdout: "piped",
  }).spawn();
  const reader = agent.stdout.getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { done, value } = await reader.read();
    assert.ok(!done, "the agent ended early");
    text += new TextDecoder().decode(value);
  }
  await reader.cancel();
  return { pid: JSON.parse(text).pid, agent };
}

function configPath(): string {
  return new URL("../../deno.json", import.meta.url).pathname;
}

function agentScript(bench: Bench): string {
  const module = new URL("./runtime.ts", import.meta.url).href;
  const spec = plainContainer({ image: bench.image, imageId: "" });
  const identity = { uid: "agent-pod", namespace: "d", name: "p" };
  const sandbox = plainSandbox(identity);
  return `
    import { WasmRuntime } from ${JSON.stringify(module)};
    const options = { signal: new AbortController().signal };
    const runtime = await WasmRuntime.open(${
    JSON.stringify({
      stateDir: bench.stateDir,
      allowLocalModules: [guests],
    })
  });
    const uid = "agent-pod";
    await runtime.createSandbox(${JSON.stringify(sandbox)}, options);
    const spec = ${JSON.stringify(spec)};
    await runtime.startContainer(uid, { ...spec, name: "done",
      args: ["echo", "before", "exit", "5"] }, options);
    for await (const _ of runtime.changes(options)) {
      const { containers } = await runtime.observe(uid, options);
      if (containers[0]?.state.kind === "terminated") break;
    }
    await runtime.startContainer(uid, { ...spec, name: "main",
      args: ["spin"] }, options);
    const record = JSON.parse(await Deno.readTextFile(
      ${JSON.stringify(bench.stateDir)} +
      "/pods/agent-pod/containers/main/0/container.json"));
    console.log(JSON.stringify({ pid: record.process.pid }));
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  `;
}
