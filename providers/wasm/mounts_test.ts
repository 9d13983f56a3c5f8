import assert from "node:assert/strict";
import { join } from "node:path";
import type { RuntimeError } from "../errors.ts";
import { agentsUser, Bench } from "./test_bench.ts";

Deno.test("WasmRuntime keeps the end of the termination message", async () => {
  await using bench = await Bench.open();
  const exit = await bench.run(
    ["write", "/dev/termination-log", "why", "exit", "4"],
  );
  assert.equal(exit.message, "why");
  await bench.runtime.setVolume("uid-1", {
    kind: "emptyDir",
    name: "tmp",
    medium: "",
  }, bench.options);
  const mounts = [{ volume: "tmp", mountPath: "/tmp", readOnly: false }];
  const more = { name: "b", terminationMessagePath: "/tmp/why", mounts };
  const long = `${"x".repeat(5000)}y`;
  const second = await bench.run(["write", "/tmp/why", long], more);
  assert.equal(second.message, long.slice(-4096));
  // What an earlier run wrote is not this one's message.
  await Deno.utime(
    join(bench.stateDir, "pods/uid-1/volumes/tmp/why"),
    1000,
    1000,
  );
  const third = await bench.run(["exit", "0"], { ...more, attempt: 1 });
  assert.equal(third.message, undefined);
});

Deno.test("WasmRuntime shows guests their volumes and changes of them", async () => {
  await using bench = await Bench.open();
  const file = (text: string) => ({
    path: "note",
    content: new TextEncoder().encode(text),
    mode: 0o644,
  });
  const set = (text: string) =>
    bench.runtime.setVolume("uid-1", {
      kind: "files",
      name: "config",
      files: [file(text)],
      secret: false,
    }, bench.options);
  await set("first");
  const mounts = [
    { volume: "config", mountPath: "/etc/config", readOnly: false },
    {
      volume: "config",
      mountPath: "/etc/app/name",
      readOnly: false,
      subPath: "note",
    },
  ];
  await bench.start(
    [
      "echo",
      "on",
      "sleep",
      "300",
      "cat",
      "/etc/config/note",
      "cat",
      "/etc/app/name",
    ],
    { mounts },
  );
  for await (const _ of bench.readLogs({ follow: true, limitBytes: 1 }));
  await set("second");
  assert.equal((await bench.exit()).code, 0);
  assert.equal(await bench.logs(), "on\nsecondfirst");
  // Such volumes are read-only, as with the kubelet.
  const refused = await bench.run(["write", "/etc/config/x", "y"], {
    attempt: 1,
    mounts,
  });
  assert.notEqual(refused.code, 0);
});

Deno.test("startContainer() refuses mounts that lead out of their volume", async () => {
  await using bench = await Bench.open();
  await bench.runtime.setVolume("uid-1", {
    kind: "emptyDir",
    name: "data",
    medium: "",
  }, bench.options);
  const volume = join(bench.stateDir, "pods/uid-1/volumes/data");
  assert.equal(((await Deno.stat(volume)).mode ?? 0) & 0o777, 0o777);
  await Deno.symlink("/etc", join(volume, "link"));
  const rows = [
    ["../..", /must be relative, without "\.\."/],
    ["/etc", /must be relative/],
    ["link", /leads out of the volume/],
    ["link/new", /leads out of the volume/],
  ] as const;
  for (const [subPath, message] of rows) {
    const mounts = [
      { volume: "data", mountPath: "/data", readOnly: false, subPath },
    ];
    await assert.rejects(bench.start(["echo"], { mounts }), (error) => {
      assert.equal(
        (error as RuntimeError).reason,
        "CreateContainerConfigError",
      );
      assert.match((error as RuntimeError).message, message);
      return true;
    });
  }
  assert.equal(await bench.container(), undefined);
  const mounts = [
    {
      volume: "data",
      mountPath: "/data",
      readOnly: false,
      subPath: "new/deep",
    },
  ];
  const exit = await bench.run(["write", "/data/x", "y"], { mounts });
  assert.equal(exit.code, 0);
  assert.equal(await Deno.readTextFile(join(volume, "new/deep/x")), "y");
});

Deno.test("WasmRuntime mounts directories and files of the node", async () => {
  await using bench = await Bench.open();
  const data = join(bench.dir, "data");
  await Deno.mkdir(data);
  await Deno.writeTextFile(join(data, "file"), "old");
  const set = (name: string, path: string, type: string) =>
    bench.runtime.setVolume(
      "uid-1",
      { kind: "hostPath", name, path, type },
      bench.options,
    );
  await set("dir", data, "Directory");
  await set("file", join(data, "file"), "File");
  await assert.rejects(set("no", join(data, "no"), "File"), /is not a file/);
  const mounts = [
    { volume: "dir", mountPath: "/ro", readOnly: true },
    { volume: "dir", mountPath: "/rw/deep/", readOnly: false },
    { volume: "file", mountPath: "/etc/one", readOnly: false },
  ];
  await bench.run([
    "cat",
    "/ro/file",
    "write",
    "/etc/one",
    "new",
    "cat",
    "/rw/deep/file",
  ], {
    mounts,
    security: agentsUser,
  });
  assert.equal(await bench.logs(), "oldnew");
  assert.equal(await Deno.readTextFile(join(data, "file")), "new");
  const refused = await bench.run(["write", "/ro/x", "y"], {
    attempt: 1,
    mounts,
  });
  assert.equal(refused.code, 1);
  assert.match(await bench.logs(), /[Rr]ead-only file system/);
  await bench.runtime.removeSandbox("uid-1", bench.options);
  assert.equal(await Deno.readTextFile(join(data, "file")), "new");
});
