import assert from "node:assert/strict";
import { join } from "node:path";
import { runGuest } from "../../tests/run_guest.ts";
import { missingCommand } from "./exec_command.ts";
import { Bench, Collected, guests, main } from "./test_bench.ts";

const encoder = new TextEncoder();

Deno.test("exec() runs the module again, in the container's surroundings", async () => {
  await using bench = await Bench.open();
  const volume = { kind: "emptyDir", name: "data", medium: "" } as const;
  await bench.runtime.setVolume("uid-1", volume, bench.options);
  await bench.start(["write", "/data/note", "kept", "echo", "on", "spin"], {
    env: { GREETING: "hello" },
    workingDir: "/data",
    mounts: [{ volume: "data", mountPath: "/data", readOnly: false }],
  });
  for await (const _ of bench.readLogs({ follow: true, limitBytes: 1 }));
  const { code, stdout, stderr } = await bench.exec([
    ...["guest.wasm", "env", "GREETING", "env", "PWD", "cat", "/data/note"],
    ...["err", "oops", "args", "exit", "3"],
  ]);
  assert.equal(code, 3);
  assert.match(stdout, /^hello\n\/data\nkeptguest.wasm\nenv\n/);
  assert.equal(stderr, "oops\n");
  assert.equal(await bench.logs(), "on\n");
});

Deno.test("exec() keeps to the memory limit of the container", async () => {
  await using bench = await Bench.open();
  await bench.start(["spin"], { memoryLimitBytes: 16 * 2 ** 20 });
  const { code, stderr } = await bench.exec(["guest", "grow", "64"]);
  assert.equal(code, 137);
  assert.equal(stderr, "farlet: memory limit exceeded\n");
});

Deno.test("exec() says that a guest trapped, and ends with 134", async () => {
  await using bench = await Bench.open();
  await bench.start(["spin"]);
  const { code, stderr } = await bench.exec(["guest", "trap"]);
  assert.equal(code, 134);
  assert.equal(stderr, "farlet: wasm trap: unreachable\n");
});

Deno.test("exec() calls the export that the command names, or else _start", async (t) => {
  const trap = "farlet: wasm trap: unreachable\n";
  const cases = [
    ["hello", { code: 0, stdout: "hello\n", stderr: "" }],
    // What `_initialize` sets.
    ["status", { code: 7, stdout: "", stderr: "" }],
    ["crash", { code: 134, stdout: "", stderr: trap }],
    ["twice", { code: 0, stdout: "_start\n", stderr: "" }],
    ["_initialize", { code: 0, stdout: "_start\n", stderr: "" }],
    ["memory", { code: 0, stdout: "_start\n", stderr: "" }],
    ["other", { code: 0, stdout: "_start\n", stderr: "" }],
  ] as const;
  for (const [name, expected] of cases) {
    await t.step(name, async () => {
      const { code, stdout, stderr } = await runGuest("exports", [], {
        exec: true,
        args: [name],
      });
      assert.deepEqual({ code, stdout, stderr }, expected);
    });
  }
});

Deno.test("exec() says what commands there are, and ends with 127, for one that is none", async () => {
  await using bench = await Bench.open();
  await bench.start(["spin"]);
  const result = await bench.exec(["tar", "cf", "-", "/data"]);
  assert.deepEqual([result.code, result.stdout], [127, ""]);
  assert.match(
    result.stderr,
    /^farlet: exec: "tar": not found: it is not the program's own name, "guest.wasm", and module has no export "tar" .*\n$/,
  );
});

Deno.test("missingCommand() knows the program's own name and the exports that take nothing", async () => {
  const program = {
    module: join(guests, "exports.wasm"),
    args: ["/bin/app.wasm", "x"],
  };
  for (const name of ["app", "app.wasm", "/bin/app", "hello", "status"]) {
    assert.equal(await missingCommand(program, [name, "y"]), undefined, name);
  }
  for (const name of ["twice", "_initialize", "memory", "other", ""]) {
    assert.match(
      await missingCommand(program, [name]) ?? "",
      /^exec: ".*": not found: .* "\/bin\/app.wasm", .*: it exports hello, crash, status$/,
    );
  }
});

Deno.test("exec() passes input on until its end", async () => {
  await using bench = await Bench.open();
  await bench.start(["spin"]);
  const text = `${"x".repeat(999)}\n`.repeat(1000);
  const stdin = new Blob([text]).stream();
  const { stdout } = await bench.exec(["guest", "stdin", "echo", "end"], {
    stdin,
  });
  assert.ok(stdout === `${text}end\n`);
});

Deno.test("exec() with a terminal merges the outputs and edits the input", async () => {
  await using bench = await Bench.open();
  await bench.start(["spin"]);
  const keys = new TransformStream<Uint8Array, Uint8Array>();
  const typing = keys.writable.getWriter();
  const command = bench.exec(["guest", "err", "bad", "stdin", "echo", "end"], {
    tty: true,
    stdin: keys.readable,
  });
  await typing.write(encoder.encode("helpp\x7flo\r\x04"));
  const { code, stdout } = await command;
  assert.equal(code, 0);
  for (const part of ["bad\r\n", "helpp\b \blo\r\n", "\r\nend\r\n"]) {
    assert.ok(stdout.includes(part), JSON.stringify(stdout));
  }
  assert.match(stdout, /help?lo\r\n/);
});

Deno.test("exec() with a terminal ends at Ctrl-C", async () => {
  await using bench = await Bench.open();
  await bench.start(["spin"]);
  const keys = new TransformStream<Uint8Array, Uint8Array>();
  const stdout = new Collected();
  const command = bench.runtime.exec(main, ["guest", "spin"], {
    tty: true,
    stdin: keys.readable,
    stdout: stdout.sink,
    ...bench.options,
  });
  await keys.writable.getWriter().write(new Uint8Array([3]));
  assert.equal(await command, 130);
  assert.equal(stdout.text, "^C");
});

Deno.test("exec() leaves no process behind, however it ends", async (t) => {
  const endings = {
    "the caller gives up": (_: Bench, stop: AbortController) => stop.abort(),
    "the container is stopped": (bench: Bench) => bench.stop(0),
    "the pod is removed": (bench: Bench) =>
      bench.runtime.removeSandbox("uid-1", bench.options),
    "the agent ends": (bench: Bench) => bench.runtime[Symbol.asyncDispose](),
  };
  for (const [claim, end] of Object.entries(endings)) {
    await t.step(claim, async () => {
      await using bench = await Bench.open();
      await bench.start(["spin"]);
      const stop = new AbortController();
      const begun = Promise.withResolvers<void>();
      const before = await children();
      const command = Promise.allSettled([
        bench.runtime.exec(main, ["guest", "echo", "begun", "spin"], {
          stdout: new WritableStream({ write: () => begun.resolve() }),
          signal: stop.signal,
        }),
      ]);
      await begun.promise;
      const [pid] = (await children()).filter((pid) => !before.includes(pid));
      assert.ok(pid !== undefined);
      await end(bench, stop);
      const [result] = await command;
      if (stop.signal.aborted) assert.equal(result.status, "rejected");
      else assert.deepEqual(result, { status: "fulfilled", value: 137 });
      assert.ok(!(await children()).includes(pid));
    });
  }
});

Deno.test("exec() of a container that does not run fails with NotFound", async () => {
  await using bench = await Bench.open();
  await assert.rejects(bench.exec(["guest"]), Deno.errors.NotFound);
  await bench.run(["exit", "0"]);
  await assert.rejects(bench.exec(["guest"]), Deno.errors.NotFound);
});

Deno.test("exec() refuses a module that is another one by now", async () => {
  await using bench = await Bench.open();
  const path = join(bench.dir, "module.wasm");
  await Deno.copyFile(join(guests, "guest.wasm"), path);
  const image = `file://${path}`;
  const { imageId } = await bench.runtime.pullImage(image, bench.options);
  await bench.start(["spin"], { image, imageId });
  await Deno.copyFile(join(guests, "exports.wasm"), path);
  await assert.rejects(bench.exec(["guest"]), /its module was replaced/);
});

Deno.test("attach() connects to a running guest", async () => {
  await using bench = await Bench.open();
  await bench.start(["sleep", "300", "echo", "hello", "err", "oops"]);
  const [stdout, stderr] = [new Collected(), new Collected()];
  const streams = { stdout: stdout.sink, stderr: stderr.sink };
  await bench.runtime.attach(main, { ...streams, ...bench.options });
  assert.deepEqual([stdout.text, stderr.text], ["hello\n", "oops\n"]);
  // Neither locked nor closed.
  await stdout.sink.close();
  await assert.rejects(
    bench.runtime.attach(main, bench.options),
    Deno.errors.NotFound,
  );
});

Deno.test("attach() gives a guest its input, the end of it only with stdinOnce", async () => {
  await using bench = await Bench.open();
  await bench.start(["stdin", "echo", "end"], { stdin: true, stdinOnce: true });
  const stdout = new Collected();
  const stdin = new Blob(["input\n"]).stream();
  const options = { stdin, stdout: stdout.sink, ...bench.options };
  await bench.runtime.attach(main, options);
  assert.equal(stdout.text, "input\nend\n");
});

Deno.test("attach() gives a guest with a terminal lines to edit", async () => {
  await using bench = await Bench.open();
  await bench.start(["err", "bad\n", "stdin", "echo", "end"], {
    ...{ stdin: true, stdinOnce: true, tty: true },
  });
  const stdin = new Blob(["helpp\x7flo\r\x04"]).stream();
  const stdout = new Collected();
  await bench.runtime.attach(main, {
    ...{ tty: true, stdin, stdout: stdout.sink },
    ...bench.options,
  });
  assert.match(stdout.text, /^helpp.*helplo\r\nend\r\n$/s);
  assert.match(
    await bench.logs({ stream: "stdout" }),
    /^bad\n.*helplo\nend\n$/s,
  );
});

Deno.test("attach() ends a guest with a terminal at Ctrl-C", async () => {
  await using bench = await Bench.open();
  await bench.start(["spin"], { stdin: true, tty: true });
  const keys = new TransformStream<Uint8Array, Uint8Array>();
  const attached = bench.runtime.attach(main, {
    ...{ tty: true, stdin: keys.readable },
    ...bench.options,
  });
  await keys.writable.getWriter().write(new Uint8Array([3]));
  await attached;
  assert.equal((await bench.exit()).code, 130);
});

Deno.test("stats() measures containers, their logs and their volumes", async () => {
  await using bench = await Bench.open();
  const volume = { kind: "emptyDir", name: "data", medium: "" } as const;
  await bench.runtime.setVolume("uid-1", volume, bench.options);
  const text = "x".repeat(100_000);
  await bench.start(["write", "/data/file", text, "echo", "on", "spin"], {
    mounts: [{ volume: "data", mountPath: "/data", readOnly: false }],
  });
  for await (const _ of bench.readLogs({ follow: true, limitBytes: 1 }));
  const { containers: [sample], volumes } = await bench.runtime.stats(
    bench.options,
  );
  assert.ok(sample !== undefined && sample.memoryBytes > 2 ** 20);
  assert.ok((sample.memoryUsageBytes ?? 0) >= (sample.memoryRssBytes ?? 1));
  assert.ok((sample.logBytes ?? 0) > 0);
  assert.equal(volumes?.length, 1);
  assert.equal(volumes[0]?.volume, "data");
  assert.ok(volumes[0].usedBytes >= text.length);
  assert.equal(volumes[0].inodesUsed, 2);
  assert.ok((volumes[0].availableBytes ?? 0) > 0);
});

Deno.test("endSandbox() removes volumes and keeps logs", async () => {
  await using bench = await Bench.open();
  const volume = { kind: "emptyDir", name: "data", medium: "" } as const;
  await bench.runtime.setVolume("uid-1", volume, bench.options);
  await bench.start(["write", "/data/file", "x", "echo", "on"], {
    mounts: [{ volume: "data", mountPath: "/data", readOnly: false }],
  });
  for await (const _ of bench.readLogs({ follow: true }));
  await bench.runtime.endSandbox("uid-1", bench.options);
  await bench.runtime.endSandbox("uid-1", bench.options);
  const { volumes } = await bench.runtime.stats(bench.options);
  assert.deepEqual(volumes, []);
  const log = await new Response(bench.readLogs()).text();
  assert.match(log, /on/);
});

/** The child processes of this one. */
async function children(): Promise<readonly number[]> {
  const found: number[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    // A process that has ended meanwhile has no status.
    const status = await Deno.readTextFile(`/proc/${name}/status`)
      .catch(() => "");
    const parent = /^PPid:\s*(\d+)$/m.exec(status)?.[1];
    if (parent === `${Deno.pid}`) found.push(Number(name));
  }
  return found;
}
