import assert from "node:assert/strict";
import {
  file,
  filesVolume,
  forEachKind,
  modeOf,
  mountOf,
  namesIn,
  source,
  uid,
} from "./test_pod_files.ts";

const { signal } = new AbortController();

forEachKind("says which volume it does not have", async ({ files }) => {
  await assert.rejects(files.binds(uid, [mountOf("nope")], { signal }), {
    reason: "CreateContainerConfigError",
    message: 'cannot find volume "nope" on the host',
  });
  await assert.rejects(
    files.setVolume(uid, filesVolume([file("../a", "")]), { signal }),
    RangeError,
  );
  await assert.rejects(files.removePod("..", { signal }), RangeError);
  await assert.rejects(files.removePod("", { signal }), RangeError);
});

forEachKind("writes network files in place", async ({ host, files }) => {
  const write = (hosts: string) =>
    files.writeSandbox(uid, { hosts, resolvConf: "search lan\n" }, { signal });
  const { hosts, resolvConf } = await write("one\n");
  const { ino } = await Deno.stat(hosts);
  await write("2\n");
  assert.equal(
    await host.root('cat "$1" "$2"', hosts, resolvConf),
    "2\nsearch lan\n",
  );
  assert.equal((await Deno.stat(hosts)).ino, ino);
  assert.match(await modeOf(hosts), /^644 /);
});

forEachKind(
  "keeps the end of a termination message",
  async ({ host, files }) => {
    const read = (attempt: number) =>
      files.readTerminationMessage(uid, "app", attempt, { signal });
    const path = await files.terminationLog(uid, "app", 0, { signal });
    assert.match(await modeOf(path), /^666 /);
    assert.equal(await read(0), undefined);
    assert.equal(await read(7), undefined);
    await host.root('seq 5000 >"$1"', path);
    assert.equal(await files.terminationLog(uid, "app", 0, { signal }), path);
    const message = await read(0) ?? "";
    assert.equal(message.length, 4096);
    assert.ok(message.endsWith("\n4999\n5000\n"));
    assert.notEqual(
      await files.terminationLog(uid, "app", 1, { signal }),
      path,
    );
  },
);

forEachKind("removes all that it made, and nothing else", async (stage) => {
  const { host, files, pod } = stage;
  await files.setVolume(uid, filesVolume([file("a", "")], { secret: true }), {
    signal,
  });
  const path = `${host.home}/data`;
  await files.setVolume(
    uid,
    { kind: "hostPath", name: "host", path, type: "DirectoryOrCreate" },
    { signal },
  );
  await source(stage, "host", "sub");
  await host.root('touch "$1/kept"', path);
  assert.deepEqual(await files.listPods({ signal }), [uid]);
  await files.removePod(uid, { signal });
  await files.removePod(uid, { signal });
  assert.deepEqual(await files.listPods({ signal }), []);
  assert.deepEqual(await namesIn(path), ["kept", "sub"]);
  await host.root('if [ -e "$1" ]; then exit 1; fi', pod);
});

forEachKind(
  "removes the volumes of a pod that has ended, and keeps last words",
  async (stage) => {
    const { host, files, pod } = stage;
    await files.setVolume(uid, filesVolume([file("a", "")], { secret: true }), {
      signal,
    });
    const empty = { kind: "emptyDir", name: "data", medium: "" } as const;
    await files.setVolume(uid, empty, { signal });
    const path = `${host.home}/data`;
    await files.setVolume(
      uid,
      { kind: "hostPath", name: "host", path, type: "DirectoryOrCreate" },
      { signal },
    );
    await source(stage, "host", "sub");
    const words = await files.terminationLog(uid, "app", 0, { signal });
    await host.root('echo bye >"$1"', words);
    await files.removeVolumes(uid, { signal });
    await files.removeVolumes(uid, { signal });
    assert.deepEqual(files.placedVolumes(), []);
    assert.deepEqual(await namesIn(path), ["sub"]);
    assert.equal(
      await files.readTerminationMessage(uid, "app", 0, { signal }),
      "bye\n",
    );
    const left = (await host.root('ls "$1"', pod)).trim().split("\n");
    assert.deepEqual(left.filter((name) => name !== "lock"), ["containers"]);
    await files.removePod(uid, { signal });
  },
);

forEachKind("has a private directory for sockets", async ({ host, files }) => {
  const directory = await files.runDir({ signal });
  assert.equal(await files.runDir({ signal }), directory);
  const stat = await host.root('stat -c "%a %F" "$1"', directory);
  assert.equal(stat.trim(), "700 directory");
  await host.root('rm -r "$1"', directory);
});
