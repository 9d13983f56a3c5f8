import assert from "node:assert/strict";
import { runGuest, RunningGuest } from "../../tests/run_guest.ts";

const mib = 1024 * 1024;

Deno.test("runGuest() passes arguments, variables and both outputs", async () => {
  const { code, stdout, stderr, report } = await runGuest(
    "guest",
    ["echo", "to stdout", "err", "to stderr", "env", "A", "env", "B", "args"],
    { env: { A: "one=two" } },
  );
  assert.match(stdout, /^to stdout\none=two\n\nguest\necho\n/);
  assert.equal(stderr, "to stderr\n");
  assert.equal(code, 0);
  assert.equal(report, undefined);
});

Deno.test("runGuest() ends with the guest's exit code", async () => {
  const { code, report } = await runGuest("guest", ["exit", "3"]);
  assert.equal(code, 3);
  assert.equal(report, undefined);
});

Deno.test("runGuest() reports a trap and exits with 134", async () => {
  const { code, stdout, stderr, report } = await runGuest("guest", [
    ...["echo", "before", "trap"],
  ]);
  assert.equal(stdout, "before\n");
  assert.equal(stderr, "farlet: wasm trap: unreachable\n");
  assert.equal(code, 134);
  assert.deepEqual(report, { reason: "Trap", message: "unreachable" });
});

Deno.test("runGuest() reports a stack overflow as a trap", async () => {
  const { code, report } = await runGuest("recursion");
  assert.equal(code, 134);
  assert.equal(report?.reason, "Trap");
});

Deno.test("runGuest() reports what cannot be started", async (t) => {
  const cases = [
    ["library", /exports no function _start/],
    [
      "unknown_imports",
      /imports env\.foo, wasi_snapshot_preview1\.sock_teleport, env\.memory, which WASI preview 1 does not have/,
    ],
    ["absent", /absent\.wasm: No such file/],
  ] as const;
  for (const [name, message] of cases) {
    await t.step(name, async () => {
      const { code, stderr, report } = await runGuest(name);
      assert.equal(code, 128);
      assert.equal(report?.reason, "StartError");
      assert.match(report.message, message);
      assert.match(stderr, message);
    });
  }
});

Deno.test("runGuest() reports a directory that is not there", async () => {
  const { code, report } = await runGuest("guest", [], {
    preopens: [{
      guestPath: "/data",
      hostPath: "/nowhere/at/all",
      readOnly: false,
    }],
  });
  assert.equal(code, 128);
  assert.equal(report?.reason, "StartError");
  assert.match(report.message, /^Cannot open directory \/data: /);
});

Deno.test("runGuest() kills a guest that exceeds its memory limit", async (t) => {
  const cases = [
    ["guest", ["echo", "begun", "grow", "64"], "begun\n"],
    ["large", [], ""],
    ["hoard", [], ""],
    ["managed", [], ""],
  ] as const;
  for (const [name, args, before] of cases) {
    await t.step(name, async () => {
      const { code, stdout, report } = await runGuest(name, args, {
        memoryLimitBytes: 16 * mib,
      });
      assert.equal(stdout, before);
      assert.equal(report?.reason, "OOMKilled");
      assert.equal(code, 137);
    });
  }
});

Deno.test("runGuest() lets a guest have memory up to its limit", async () => {
  const { code, stdout } = await runGuest("guest", ["grow", "8"], {
    memoryLimitBytes: 16 * mib,
  });
  assert.equal(stdout, "grew 8 MB\n");
  assert.equal(code, 0);
});

Deno.test("runGuest() leaves the failure of a grow beyond the module's own maximum to it", async () => {
  const { code } = await runGuest("modest", [], { memoryLimitBytes: 64 * mib });
  assert.equal(code, 0);
});

Deno.test("runGuest() leaves a trap a trap where there is a memory limit", async () => {
  const { code } = await runGuest("guest", ["trap"], {
    memoryLimitBytes: 16 * mib,
  });
  assert.equal(code, 134);
});

Deno.test("runGuest() streams standard input to the guest", async () => {
  await using guest = await RunningGuest.start(
    "guest",
    ["stdin", "echo", "end"],
    { stdin: true },
  );
  await guest.send("first\n");
  await guest.untilStdout("first\n");
  await guest.send("second\n");
  await guest.untilStdout("second\n");
  await guest.closeStdin();
  const { code, stdout } = await guest.ended();
  assert.equal(stdout, "first\nsecond\nend\n");
  assert.equal(code, 0);
});

Deno.test("runGuest() passes more standard input than a pipe holds", async () => {
  await using guest = await RunningGuest.start("guest", ["stdin"], {
    stdin: true,
  });
  const line = `${"x".repeat(99)}\n`;
  await guest.send(line.repeat(10_000));
  await guest.closeStdin();
  const { stdout } = await guest.ended();
  assert.equal(stdout.length, 1_000_000);
});

Deno.test("runGuest() shows an ended standard input to a guest that has none", async () => {
  const { code, stdout } = await runGuest("guest", ["stdin", "echo", "end"]);
  assert.equal(stdout, "end\n");
  assert.equal(code, 0);
});

Deno.test("runGuest() waits as long as a guest sleeps", async () => {
  const begin = performance.now();
  const { code } = await runGuest("guest", ["sleep", "300"]);
  assert.equal(code, 0);
  assert.ok(performance.now() - begin >= 300);
});

Deno.test("runGuest() dies of SIGTERM at once, also while the guest spins", async (t) => {
  for (const verb of ["spin", "sleep"]) {
    await t.step(verb, async () => {
      await using guest = await RunningGuest.start("guest", [
        ...["echo", "begun", verb, "60000"],
      ]);
      await guest.untilStdout("begun\n");
      guest.kill("SIGTERM");
      assert.equal((await guest.ended()).code, 143);
    });
  }
});

Deno.test("runGuest() ends when the agent's end of standard input closes", async () => {
  await using guest = await RunningGuest.start("guest", [
    ...["echo", "begun", "sleep", "60000"],
  ]);
  await guest.untilStdout("begun\n");
  await guest.closeStdin();
  const { code, report } = await guest.ended();
  assert.equal(code, 137);
  assert.equal(report, undefined);
});

Deno.test("runGuest() runs nothing for an agent that is gone already", async () => {
  const { code, stdout } = await runGuest("guest", ["echo", "here"], {
    parentPid: Deno.ppid,
  });
  assert.equal(code, 137);
  assert.equal(stdout, "");
});

Deno.test("runGuest() fails a write to what is read-only, and reads it", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${dir}/file`, "content\n");
    const args = ["cat", "/data/file", "ls", "/data", "append", "/data/file"];
    const { code, stdout, stderr } = await runGuest("guest", [...args, "x"], {
      preopens: [{ guestPath: "/data", hostPath: dir, readOnly: true }],
    });
    assert.equal(stdout, "content\nfile\n");
    assert.equal(stderr, "/data/file: Read-only file system\n");
    assert.equal(code, 1);
    assert.equal(await Deno.readTextFile(`${dir}/file`), "content\n");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
