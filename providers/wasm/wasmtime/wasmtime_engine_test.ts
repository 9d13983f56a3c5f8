import assert from "node:assert/strict";
import { eventually } from "../../../tests/agent_process.ts";
import { needing } from "../../../tests/needing.ts";
import { testWasmtime } from "../../../tests/test_program.ts";
import { Bench } from "../test_bench.ts";
import { WasmtimeEngine } from "./wasmtime_engine.ts";

const program = testWasmtime();

/** Registers a test with a runtime whose guests wasmtime runs. */
function test(
  claim: string,
  guest: string,
  run: (bench: Bench) => Promise<void>,
): void {
  const missing = program === undefined
    ? "no wasmtime: set FARLET_TEST_WASMTIME"
    : undefined;
  Deno.test({
    ...needing(missing, `WasmtimeEngine ${claim}`),
    fn: async () => {
      const stateDir = await Deno.makeTempDir();
      const options = { program: program ?? "", stateDir };
      const engine = await WasmtimeEngine.open(options);
      await using bench = await Bench.open(guest, { engine });
      await run(bench);
      await Deno.remove(stateDir, { recursive: true });
    },
  });
}

test("reports traps, with their message", "recursion", async (bench) => {
  const exit = await bench.run([]);
  assert.equal(exit.code, 134);
  assert.equal(exit.reason, "Error");
  assert.match(exit.message ?? "", /call stack exhausted/);
});

test("ends a guest at its memory limit", "hoard", async (bench) => {
  const exit = await bench.run([], { memoryLimitBytes: 16 * 2 ** 20 });
  assert.equal(exit.reason, "OOMKilled");
  assert.equal(exit.code, 137);
});

test("keeps variables out of the arguments", "guest", async (bench) => {
  const env = { TOKEN: "hush-hush" };
  await bench.start(["env", "TOKEN", "sleep", "60000"], { env });
  await eventually(async () => assert.equal(await bench.logs(), "hush-hush\n"));
  const lines = await commandLines();
  assert.ok(lines.some((line) => line.includes("--env\0TOKEN")));
  assert.ok(!lines.some((line) => line.includes("hush-hush")));
  await bench.stop(0);
});

test("lets nobody write what is read-only", "guest", async (bench) => {
  const content = new TextEncoder().encode("be kind\n");
  await bench.runtime.setVolume("uid-1", {
    ...{ kind: "files", name: "config", secret: false },
    files: [{ path: "motd", content, mode: 0o644 }],
  }, bench.options);
  const exit = await bench.run(
    ["cat", "/etc/app/motd", "write", "/etc/app/motd", "no"],
    {
      mounts: [{ volume: "config", mountPath: "/etc/app", readOnly: false }],
    },
  );
  assert.notEqual(exit.code, 0);
  assert.match(await bench.logs(), /^be kind\n\/etc\/app\/motd: I\/O error\n$/);
});

test("runs commands beside a container", "guest", async (bench) => {
  await bench.start(["sleep", "60000"], { env: { WHO: "world" } });
  assert.deepEqual(await bench.exec(["guest", "env", "WHO"]), {
    code: 0,
    stdout: "world\n",
    stderr: "",
  });
  const terminal = await bench.exec(["guest", "echo", "x"], { tty: true });
  assert.equal(terminal.code, 128);
  assert.match(terminal.stdout, /wasmtime gives guests no terminal/);
  await bench.stop(0);
});

test("refuses what its program would misread", "guest", async (bench) => {
  await assert.rejects(
    bench.start([], { env: { LD_PRELOAD: "/data/own.so" } }),
    /Cannot create container "main": env LD_PRELOAD: /,
  );
});

test("serves HTTP of a component", "components/server", async (bench) => {
  await bench.start([], { containerPorts: [{ port: 8081 }] });
  const { ips } = await bench.runtime.observe("uid-1", bench.options);
  await eventually(async () => {
    const response = await fetch(`http://${ips[0] ?? "127.0.0.1"}:8081/x`);
    assert.equal(response.status, 200);
    assert.match(await response.text(), /^\/x/);
  });
  await bench.stop(0);
});

test("runs a component as a command", "components/guest", async (bench) => {
  const exit = await bench.run(["echo", "hello"]);
  assert.equal(exit.code, 0, exit.message);
  assert.equal(await bench.logs(), "hello\n");
});

Deno.test("WasmtimeEngine.open() says that a program is no wasmtime", async () => {
  await assert.rejects(
    WasmtimeEngine.open({ program: "/bin/echo", stateDir: "/nowhere" }),
    /Cannot use wasmtime "\/bin\/echo": it calls itself/,
  );
});

/** Those of all processes here, with a null character after each word. */
async function commandLines(): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    // It may have ended meanwhile.
    const line = await Deno.readTextFile(`/proc/${name}/cmdline`)
      .catch(() => "");
    lines.push(line);
  }
  return lines;
}
