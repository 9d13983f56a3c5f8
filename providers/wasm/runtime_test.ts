import assert from "node:assert/strict";
import { join } from "node:path";
import { delay } from "../../async/delay.ts";
import type { RuntimeError } from "../errors.ts";
import { Bench } from "./test_bench.ts";

/** Exports `_start`, whose code is no instruction. */
const brokenModule = new Uint8Array([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0],
  ...[7, 10, 1, 6, 0x5f, 0x73, 0x74, 0x61, 0x72, 0x74, 0, 0],
  ...[10, 5, 1, 3, 0, 0xff, 0x0b],
]);

Deno.test("WasmRuntime runs a module and keeps its output in streams", async () => {
  await using bench = await Bench.open();
  const exit = await bench.run(["echo", "out", "err", "oops"]);
  assert.deepEqual(
    { code: exit.code, reason: exit.reason, message: exit.message },
    { code: 0, reason: "Completed", message: undefined },
  );
  assert.ok(exit.startedAt <= exit.finishedAt);
  assert.equal(await bench.logs({ stream: "stdout" }), "out\n");
  assert.equal(await bench.logs({ stream: "stderr" }), "oops\n");
  assert.match(
    await bench.logs({ timestamps: true, tailLines: 1 }),
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (out|oops)\n$/,
  );
  const container = await bench.container();
  assert.match(container?.imageId ?? "", /^sha256:[0-9a-f]{64}$/);
  assert.match(container?.id ?? "", /^[0-9a-f]{32}$/);
});

Deno.test("WasmRuntime reports exit codes, and the environment it gives", async () => {
  await using bench = await Bench.open();
  const exit = await bench.run(["env", "PWD", "env", "HOSTNAME", "exit", "3"], {
    workingDir: "/work",
  });
  assert.equal(exit.code, 3);
  assert.equal(exit.reason, "Error");
  assert.equal(await bench.logs(), "/work\nweb-0\n");
});

Deno.test("WasmRuntime keeps two runs of a container and removes older ones", async () => {
  await using bench = await Bench.open();
  for (const attempt of [0, 1, 2]) {
    await bench.run(["echo", `run ${attempt}`, "exit", `${attempt}`], {
      attempt,
    });
  }
  // Starting a run that exists, or an older one, does nothing.
  await bench.start(["echo", "again"], { attempt: 2 });
  const container = await bench.container();
  assert.equal(container?.attempt, 2);
  assert.equal(container?.lastExit?.code, 1);
  assert.notEqual(container?.lastExit?.id, container?.id);
  assert.equal(await bench.logs(), "run 2\n");
  assert.equal(await bench.logs({ previous: true }), "run 1\n");
  const dir = join(bench.stateDir, "pods/uid-1/containers/main");
  const kept = await Array.fromAsync(Deno.readDir(dir), ({ name }) => name);
  assert.deepEqual(kept.toSorted(), ["1", "2"]);
});

Deno.test("readLogs() of an unknown container or run fails with NotFound", async () => {
  await using bench = await Bench.open();
  const notFound = (error: unknown) => error instanceof Deno.errors.NotFound;
  await assert.rejects(bench.logs({}, "other"), notFound);
  await assert.rejects(bench.logs({}, "main", "no-pod"), notFound);
  await bench.run(["exit", "0"]);
  await assert.rejects(bench.logs({ previous: true }), notFound);
});

Deno.test("readLogs() follows a container until it ends, across rotations", async () => {
  await using bench = await Bench.open();
  await bench.start(["lines", "220000", "echo", "end"]);
  let bytes = 0;
  let last = "";
  for await (const chunk of bench.readLogs({ follow: true })) {
    bytes += chunk.length;
    last = (last + new TextDecoder().decode(chunk)).slice(-40);
  }
  assert.ok(last.endsWith("line 220000\nend\n"), last);
  let expected = "end\n".length;
  for (let i = 1; i <= 220_000; i++) expected += `line ${i}\n`.length;
  assert.equal(bytes, expected);
  const dir = join(bench.stateDir, "pods/uid-1/containers/main/0");
  const names = await Array.fromAsync(Deno.readDir(dir), ({ name }) => name);
  assert.ok(names.filter((name) => name.startsWith("0.log.")).length >= 1);
});

Deno.test("stopContainer() ends a busy guest at once when there is no grace", async () => {
  await using bench = await Bench.open();
  await bench.start(["echo", "on", "spin"]);
  for await (const _ of bench.readLogs({ follow: true, limitBytes: 1 }));
  const begun = performance.now();
  await bench.stop(0);
  assert.ok(performance.now() - begun < 1000);
  const state = (await bench.container())?.state;
  assert.equal(state?.kind, "terminated");
  const { exit } = state;
  assert.deepEqual([exit.code, exit.signal, exit.reason], [137, 9, "Error"]);
  await bench.stop(0);
});

Deno.test("stopContainer() asks with SIGTERM first", async () => {
  await using bench = await Bench.open();
  await bench.start(["echo", "on", "sleep", "60000"]);
  for await (const _ of bench.readLogs({ follow: true, limitBytes: 1 }));
  const begun = performance.now();
  await bench.stop(30);
  assert.ok(performance.now() - begun < 5000);
  const exit = await bench.exit();
  assert.deepEqual([exit.code, exit.signal, exit.reason], [143, 15, "Error"]);
});

Deno.test("stopContainer() with less grace counts while another is under way", async () => {
  await using bench = await Bench.open();
  // A stopped process stays even after SIGTERM, as one that handles it slowly would.
  await bench.start(["echo", "on", "spin"]);
  for await (const _ of bench.readLogs({ follow: true, limitBytes: 1 }));
  const { process } = JSON.parse(
    await Deno.readTextFile(
      join(
        bench.stateDir,
        "pods/uid-1/containers/main/0/container.json",
      ),
    ),
  );
  Deno.kill(process.pid, "SIGSTOP");
  while (!/\) T /.test(await Deno.readTextFile(`/proc/${process.pid}/stat`))) {
    await delay(1, bench.options);
  }
  const begun = performance.now();
  const slow = bench.stop(50);
  await bench.stop(0.2);
  await slow;
  const took = performance.now() - begun;
  assert.ok(took >= 190 && took < 2000, `${took}`);
  assert.equal((await bench.exit()).code, 137);
});

Deno.test("WasmRuntime runs twenty guests at once, each on its own", async () => {
  await using bench = await Bench.open();
  const names = Array.from({ length: 20 }, (_, i) => `c${i}`);
  await Promise.all(names.map((name, i) => {
    // One of them keeps a processor busy and must not matter to the others.
    if (i === 7) return bench.start(["spin"], { name });
    return bench.start(["echo", name, "sleep", "50", "exit", `${i}`], { name });
  }));
  for (const [i, name] of names.entries()) {
    if (i === 7) continue;
    assert.equal((await bench.exit(name)).code, i);
    assert.equal(await bench.logs({}, name), `${name}\n`);
  }
  const { containers: samples } = await bench.runtime.stats(bench.options);
  assert.deepEqual(samples.map(({ container }) => container), ["c7"]);
  assert.ok((samples[0]?.cpuNanos ?? 0) > 10_000_000);
  assert.ok((samples[0]?.memoryBytes ?? 0) > 2 ** 20);
  const begun = performance.now();
  await bench.runtime.removeSandbox("uid-1", bench.options);
  assert.ok(performance.now() - begun < 1000);
  assert.deepEqual(await bench.runtime.listPods(bench.options), []);
  assert.equal(
    (await bench.runtime.observe("uid-1", bench.options)).sandbox,
    "absent",
  );
  await bench.runtime.removeSandbox("uid-1", bench.options);
});

Deno.test("WasmRuntime says why a guest ended, when its code does not", async () => {
  await using bench = await Bench.open();
  const trap = await bench.run(["trap"]);
  assert.deepEqual([trap.code, trap.reason], [134, "Error"]);
  assert.match(trap.message ?? "", /unreachable/);
  const full = await bench.run(["grow", "64"], {
    attempt: 1,
    memoryLimitBytes: 8 * 2 ** 20,
  });
  assert.deepEqual([full.code, full.reason], [137, "OOMKilled"]);
  const broken = join(bench.dir, "broken.wasm");
  await Deno.writeFile(broken, brokenModule);
  const never = await bench.run([], { attempt: 2, image: `file://${broken}` });
  assert.deepEqual([never.code, never.reason], [128, "StartError"]);
  assert.ok(never.message);
});

Deno.test("startContainer() says what is wrong with a module", async () => {
  await using bench = await Bench.open();
  const path = join(bench.dir, "bad.wasm");
  await Deno.writeTextFile(path, "not a module");
  await assert.rejects(
    bench.start([], { image: `file://${path}` }),
    (error: RuntimeError) =>
      error.reason === "CreateContainerError" &&
      error.message.includes("module is not WebAssembly"),
  );
  assert.equal(await bench.container(), undefined);
});
