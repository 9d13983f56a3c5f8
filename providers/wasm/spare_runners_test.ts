import assert from "node:assert/strict";
import { eventually } from "../../tests/agent_process.ts";
import { StateRecords } from "./records.ts";
import { SpareRunners } from "./spare_runners.ts";
import { Bench } from "./test_bench.ts";

/** Something that waits on its standard input, as a runner does. */
function start(): Deno.ChildProcess {
  const piped = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
  return new Deno.Command("cat", piped).spawn();
}

/** What the taker of a process does with it in the end. */
async function end(child: Deno.ChildProcess): Promise<void> {
  await Promise.all([
    child.stdin.close(),
    child.stdout.cancel(),
    child.stderr.cancel(),
    child.status,
  ]);
}

async function taken(spares: SpareRunners): Promise<Deno.ChildProcess> {
  return await eventually(() => {
    const child = spares.take();
    assert.ok(child);
    return Promise.resolve(child);
  });
}

Deno.test("SpareRunners has another one ready for each that is taken, after a while", async () => {
  await using spares = new SpareRunners({ count: 1, start, quiet: 20 });
  const first = await taken(spares);
  const second = await taken(spares);
  assert.notEqual(first.pid, second.pid);
  await Promise.all([first, second].map(end));
});

Deno.test("SpareRunners gives nobody a process that has ended", async () => {
  const started: Deno.ChildProcess[] = [];
  await using spares = new SpareRunners({
    count: 1,
    start: () => {
      const child = start();
      started.push(child);
      return child;
    },
    quiet: 20,
  });
  await eventually(() => Promise.resolve(assert.equal(started.length, 1)));
  const [killed] = started;
  killed?.kill("SIGKILL");
  await killed?.status;
  assert.equal(spares.take(), undefined);
  await end(await taken(spares));
});

Deno.test("WasmRuntime runs a container in a process that waited for it", async () => {
  await using bench = await Bench.open("guest", { spareRunners: 1 });
  const [waiting] = await eventually(async () => {
    const found = await childrenOfThisProcess();
    assert.equal(found.length, 1);
    return found;
  });
  await bench.start(["sleep", "60000"]);
  const records = new StateRecords(bench.stateDir);
  const [run] = await records.listRuns("uid-1");
  assert.equal(`${run?.record.process?.pid}`, waiting);
  await bench.exec(["guest", "echo", "x"]);
  await bench.stop(0);
});

/** Those that the kernel knows of now, but for what has ended. */
async function childrenOfThisProcess(): Promise<readonly string[]> {
  const pids: string[] = [];
  for await (const { name } of Deno.readDir("/proc/self/task")) {
    const path = `/proc/self/task/${name}/children`;
    const text = await Deno.readTextFile(path).catch(() => "");
    pids.push(...text.split(" ").filter((pid) => pid !== ""));
  }
  return pids;
}
