import assert from "node:assert/strict";
import { join } from "node:path";
import { groupValues, oomKills, ownGroups } from "./control_group_files.ts";
import { ControlGroups } from "./control_groups.ts";

const limits = {
  memoryBytes: 1000,
  cpuMillis: 250,
  cpuRequestMillis: 500,
  tasks: 20,
};

Deno.test("groupValues() speaks both versions", () => {
  const lines = (version: 1 | 2) =>
    groupValues(version, limits).map(({ file, value }) => `${file} ${value}`);
  assert.deepEqual(lines(1), [
    "memory.limit_in_bytes 1000",
    "memory.memsw.limit_in_bytes 1000",
    "cpu.shares 512",
    "cpu.cfs_period_us 100000",
    "cpu.cfs_quota_us 25000",
    "pids.max 20",
  ]);
  assert.deepEqual(lines(2), [
    "memory.max 1000",
    "memory.swap.max 0",
    "memory.oom.group 1",
    "cpu.weight 20",
    "cpu.max 25000 100000",
    "pids.max 20",
  ]);
  assert.deepEqual(groupValues(2, {}), []);
});

Deno.test("groupValues() gives the least that the kernel takes", () => {
  const values = groupValues(1, { cpuMillis: 1, cpuRequestMillis: 0 });
  assert.deepEqual(values.map(({ value }) => value), ["2", "100000", "1000"]);
});

Deno.test("ownGroups() tells the versions apart", () => {
  const first = ownGroups("4:memory:/a/b\n2:cpu,cpuacct:/c\n0::/\n");
  assert.equal(first.version, 1);
  assert.equal(first.path("memory"), "/a/b");
  assert.equal(first.path("cpu"), "/c");
  assert.equal(first.path("pids"), "/");
  const second = ownGroups("0::/system.slice/farlet.service\n");
  assert.equal(second.version, 2);
  assert.equal(second.path("cpu"), "/system.slice/farlet.service");
});

Deno.test("oomKills() reads the files of both versions", () => {
  assert.equal(oomKills("oom_kill_disable 0\nunder_oom 0\noom_kill 3"), 3);
  assert.equal(oomKills("low 0\nmax 5\noom 1\noom_kill 1\n"), 1);
  assert.equal(oomKills(""), 0);
});

Deno.test("ControlGroups hands controllers down in version 2, and sweeps what is left", async () => {
  await using tree = await fakeTree({
    "system.slice/farlet.service/cgroup.controllers": "cpuset cpu memory",
    "system.slice/farlet.service/farlet-1/": "",
  });
  const groups = await tree.open("0::/system.slice/farlet.service\n");
  const top = "system.slice/farlet.service";
  assert.equal(await tree.read(`${top}/cgroup.subtree_control`), "+memory");
  assert.deepEqual(
    [groups.has("cpu"), groups.has("memory"), groups.has("pids")],
    [true, true, false],
  );
  const group = await groups.create("run", limits);
  await group.add(42);
  const run = `${top}/farlet-1/run`;
  assert.equal(await tree.read(`${run}/cgroup.procs`), "42");
  assert.equal(await tree.read(`${run}/memory.max`), "1000");
  assert.equal(await tree.read(`${run}/cpu.max`), "25000 100000");
  await assert.rejects(tree.read(`${run}/pids.max`), Deno.errors.NotFound);
  await group.updateCpu({ cpuMillis: 2000 });
  assert.equal(await tree.read(`${run}/cpu.max`), "200000 100000");
  assert.equal(await group.hasKilled(), false);
  await tree.write(`${run}/memory.events`, "oom_kill 1\n");
  assert.equal(await group.hasKilled(), true);
});

Deno.test("ControlGroups finds its own group again from the one it moved to", async () => {
  await using tree = await fakeTree({ "a/cgroup.controllers": "cpu" });
  await tree.open("0::/a/farlet-agent\n");
  assert.equal(await tree.read("a/cgroup.subtree_control"), "+cpu");
});

Deno.test("ControlGroups uses the trees of version 1 that are there", async () => {
  await using tree = await fakeTree({ "memory/mine/": "", "cpu/": "" });
  const groups = await tree.open("1:cpu:/elsewhere\n2:memory:/mine\n");
  assert.equal(groups.has("pids"), false);
  await groups.create("run", limits);
  assert.equal(
    await tree.read("memory/mine/farlet-1/run/memory.limit_in_bytes"),
    "1000",
  );
  assert.equal(await tree.read("cpu/farlet-1/run/cpu.cfs_quota_us"), "25000");
});

Deno.test("ControlGroups leaves nothing of a group that it cannot make in full", async () => {
  await using tree = await fakeTree({ "cpu/": "", "memory/": "", "pids/": "" });
  const groups = await tree.open("1:cpu:/\n2:memory:/\n3:pids:/\n");
  await tree.write("pids/farlet-1/run", "");
  await assert.rejects(groups.create("run", limits));
  for (const controller of ["cpu", "memory"]) {
    await assert.rejects(
      tree.read(`${controller}/farlet-1/run/`),
      Deno.errors.NotFound,
    );
  }
});

Deno.test("ControlGroups has nothing where there are no groups", async () => {
  await using tree = await fakeTree({});
  const groups = await tree.open("");
  for (const controller of ["cpu", "memory", "pids"] as const) {
    assert.equal(groups.has(controller), false);
  }
  const group = await groups.create("run", limits);
  await group.add(42);
  await group.remove();
});

/** A directory with these files, and directories whose names end in a slash. */
async function fakeTree(files: Readonly<Record<string, string>>) {
  const root = await Deno.makeTempDir();
  for (const [path, text] of Object.entries(files)) {
    const place = join(root, path);
    const directory = path.endsWith("/") ? place : join(place, "..");
    await Deno.mkdir(directory, { recursive: true });
    if (!path.endsWith("/")) await Deno.writeTextFile(place, text);
  }
  return {
    open: (own: string) =>
      ControlGroups.open("farlet-1", {
        root,
        own,
        signal: AbortSignal.timeout(10_000),
      }),
    read: (path: string) => Deno.readTextFile(join(root, path)),
    write: (path: string, text: string) =>
      Deno.writeTextFile(join(root, path), text),
    [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }),
  };
}
