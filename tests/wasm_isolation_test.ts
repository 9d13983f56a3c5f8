import assert from "node:assert/strict";
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { delay } from "../async/delay.ts";
import type { ContainerSpec, VolumeSpec } from "../providers/container_spec.ts";
import { plainContainer } from "../providers/test_specs.ts";
import { ControlGroups } from "../providers/wasm/control_groups.ts";
import { CpuDuty } from "../providers/wasm/cpu_duty_loop.ts";
import { guestTraits } from "../providers/wasm/guest_traits.ts";
import { processUsage } from "../providers/wasm/process_identity.ts";
import { Bench } from "../providers/wasm/test_bench.ts";
import { needing } from "./needing.ts";
import { RunningGuest } from "./run_guest.ts";

const mib = 1024 * 1024;
const isLinux = Deno.build.os === "linux";
const root = isLinux && guestTraits().choosesUsers
  ? undefined
  : "needs root on Linux";
const linux = isLinux ? undefined : "needs Linux";
const groups = await missingGroups();

Deno.test({
  ...needing(root, "a guest is its pod's user in every thread, with no rights"),
  async fn() {
    await using bench = await Bench.open();
    await bench.createSandbox("uid-2");
    // Who asks not to be root is not.
    const image = await bench.runtime.findImage(bench.image, bench.options);
    assert.ok(Number(image?.user) > 0);
    await bench.start(["sleep", "60000"], { env: { ONLY: "this" } });
    await bench.start(["sleep", "60000"], { security: named }, "uid-2");
    const pid = await guestPid(bench);
    await until(async () => (await threads(pid)).every(isConfined));
    const first = await threads(pid);
    assert.ok(first.length > 1);
    const [uid] = new Set(first.map((status) => field(status, "Uid")));
    assert.ok(Number(uid) >= 65_536);
    for (const status of first) {
      assert.equal(field(status, "Uid"), uid);
      assert.equal(field(status, "Gid"), uid);
      assert.equal(field(status, "Groups"), "");
      for (const set of ["CapEff", "CapPrm", "CapInh"]) {
        assert.equal(field(status, set), "0000000000000000");
      }
    }
    const other = await guestPid(bench, "uid-2");
    await until(async () => (await threads(other)).every(isConfined));
    for (const status of await threads(other)) {
      assert.equal(field(status, "Uid"), "4001");
      assert.equal(field(status, "Gid"), "4002");
      assert.equal(field(status, "Groups"), "4003");
    }
    const variables = (await Deno.readTextFile(`/proc/${pid}/environ`))
      .split("\0").map((entry) => entry.split("=")[0]);
    assert.deepEqual(
      variables.filter((name) => !/^(DENO_|NO_COLOR$|$)/.test(name ?? "")),
      [],
    );
    const score = await Deno.readTextFile(`/proc/${pid}/oom_score_adj`);
    assert.equal(Number(score), plain.oomScoreAdj);
    const limits = await Deno.readTextFile(`/proc/${pid}/limits`);
    assert.match(limits, /Max core file size +0 +0/);
    assert.match(limits, /Max open files +\d{3,4} +\d{3,4} /);
  },
});

Deno.test({
  ...needing(root, "a guest has no descriptors of its agent's"),
  async fn() {
    await using bench = await Bench.open();
    using _listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    await bench.start(["sleep", "60000"]);
    const pid = await guestPid(bench);
    await until(async () => (await threads(pid)).every(isConfined));
    const names = await Array.fromAsync(
      Deno.readDir(`/proc/${pid}/fd`),
      ({ name }) => Deno.readLink(`/proc/${pid}/fd/${name}`),
    );
    const inodes = await socketInodes();
    const targets = await Promise.all(names);
    const pipes = targets.filter((target) => target.startsWith("pipe:"));
    // Its standard streams.
    assert.equal(new Set(pipes).size, 3);
    for (const target of targets) {
      assert.doesNotMatch(target, /\/lock$|0\.log$|container\.json/);
      const [, inode = "none"] = /^socket:\[(\d+)\]$/.exec(target) ?? [];
      assert.ok(!inodes.has(inode), `${target} listens`);
    }
  },
});

Deno.test({
  ...needing(
    root,
    "the containers of a pod share its volumes, as their owner or their group",
  ),
  async fn() {
    await using bench = await Bench.open();
    await volume(bench, { ...emptyDir, name: "shared" });
    await volume(bench, { ...emptyDir, name: "group", fsGroup: 5005 });
    await volume(bench, {
      ...{ kind: "files", name: "secret", secret: true },
      files: [{
        path: "key",
        content: new TextEncoder().encode("hush"),
        mode: 0o400,
      }],
    });
    const mounts = ["shared", "group", "secret"].map((volume) => ({
      ...{ volume, mountPath: `/${volume}`, readOnly: false },
    }));
    const security = { ...plain.security, supplementalGroups: [5005] };
    const writes = ["write", "/shared/a", "1", "write", "/group/a", "2"];
    await bench.run([...writes, "cat", "/secret/key"], { mounts, security });
    assert.equal(await bench.logs(), "hush");
    const last = { name: "next", mounts, security };
    await bench.run(["append", "/shared/a", "+", "cat", "/shared/a"], last);
    assert.equal(await bench.logs({}, "next"), "1+");
    const volumes = join(bench.stateDir, "pods/uid-1/volumes");
    const made = await Deno.stat(join(volumes, "shared/a"));
    assert.ok((made.uid ?? 0) >= 65_536);
    assert.equal(made.gid, made.uid);
    assert.equal((await Deno.stat(join(volumes, "group/a"))).gid, 5005);
    // Who names another user is no longer the owner, as on any node.
    const stranger = { ...security, runAsUser: 4001 };
    const { code } = await bench.run(["cat", "/secret/key"], {
      ...{ attempt: 1, mounts, security: stranger },
    });
    assert.equal(code, 1);
  },
});

Deno.test({
  ...needing(
    isLinux && guestTraits().mounts ? undefined : "needs root on Linux",
    "a volume in memory is full when it is full, and is gone with its pod",
  ),
  async fn() {
    await using bench = await Bench.open("hostile");
    await volume(bench, {
      ...emptyDir,
      ...{ name: "memory", medium: "Memory", sizeLimitBytes: 3 * mib },
    });
    const mounts = [{ volume: "memory", mountPath: "/m", readOnly: false }];
    await bench.start(["fill", "/m"], { mounts });
    await until(async () => /ended: No space/.test(await bench.logs()));
    const place = join(bench.stateDir, "pods/uid-1/volumes/memory");
    assert.ok((await mountTable()).includes(place));
    await volume(bench, {
      ...emptyDir,
      ...{ name: "half", medium: "Memory", sizeLimitBytes: 0 },
    });
    // tmpfs(5) has none where there is no limit at all.
    assert.ok((await statfs(`${place}/../half`)).blocks > 0);
    await bench.runtime.removeSandbox("uid-1", bench.options);
    assert.ok(!(await mountTable()).includes(place));
  },
});

Deno.test({
  ...needing(groups, "a guest that has the host hoard memory is OOMKilled"),
  async fn() {
    await using bench = await Bench.open("hostile");
    await volume(bench, { ...emptyDir, name: "data" });
    const mounts = [{ volume: "data", mountPath: "/d", readOnly: false }];
    await bench.start(["hoard", "/d"], {
      ...{ mounts, memoryLimitBytes: 4 * mib },
    });
    const exit = await bench.exit();
    assert.equal(exit.reason, "OOMKilled");
    assert.equal(exit.code, 137);
  },
});

Deno.test({
  ...needing(groups, "a guest is held to its CPU limit, also to a new one"),
  async fn() {
    await using bench = await Bench.open();
    await bench.start(["spin"], { cpuLimitMillis: 200 });
    const pid = await guestPid(bench);
    await until(async () => (await cpuMillis(pid)) > 100);
    const slow = await cpuShare(pid, 1500);
    assert.ok(slow > 0.1 && slow < 0.3, `${slow}`);
    const { signal } = bench.options;
    const ref = { podUid: "uid-1", container: "main" };
    const resources = { cpuLimitMillis: 50 };
    await bench.runtime.updateContainer(ref, resources, { signal });
    const slower = await cpuShare(pid, 1500);
    assert.ok(slower < 0.12, `${slower}`);
    await assert.rejects(
      bench.runtime.updateContainer(ref, { memoryLimitBytes: mib }, { signal }),
      /must be restarted/,
    );
    const begin = performance.now();
    await bench.stop(5);
    assert.ok(performance.now() - begin < 3000);
    assert.equal((await bench.exit()).code, 143);
  },
});

Deno.test({
  ...needing(
    linux,
    "a guest without control groups is paused beyond its CPU limit, and ends all the same",
  ),
  async fn() {
    await using guest = await RunningGuest.start("guest", [
      ...["echo", "begun", "spin"],
    ]);
    await guest.untilStdout("begun\n");
    const ended = guest.ended();
    let paused = false;
    const duty = new CpuDuty({
      pid: guest.pid,
      status: ended,
      get paused() {
        return paused;
      },
      kill: (signal) => {
        paused = signal === "SIGSTOP";
        guest.kill(signal);
      },
    }, () => 200);
    await until(async () => (await cpuMillis(guest.pid)) > 200);
    const share = await cpuShare(guest.pid, 2000);
    assert.ok(share > 0.15 && share < 0.25, `${share}`);
    guest.kill("SIGTERM");
    assert.equal((await ended).code, 143);
    await duty.ended;
  },
});

Deno.test({
  ...needing(
    groups,
    "an agent ends and removes the groups of one that is gone",
  ),
  async fn() {
    const name = `farlet-test-${Deno.pid}`;
    const signal = AbortSignal.timeout(20_000);
    const before = await ControlGroups.open(name, { signal });
    const group = await before.create("left", { tasks: 10 });
    const child = new Deno.Command("sleep", { args: ["60"] }).spawn();
    await group.add(child.pid);
    const after = await ControlGroups.open(name, { signal });
    assert.equal((await child.status).signal, "SIGKILL");
    const again = await after.create("left", { tasks: 10 });
    await again.remove();
    await after.remove();
  },
});

const calls = isLinux && Deno.build.arch === "x86_64"
  ? undefined
  : "needs Linux on x86_64";

Deno.test({
  ...needing(
    calls,
    "a runner whose engine is broken gets nothing from the kernel",
  ),
  async fn() {
    const done = async (...args: string[]) => {
      const script = new URL("./confined_calls.ts", import.meta.url).pathname;
      const { stdout } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-lock", "--quiet", script, ...args],
        stderr: "inherit",
      }).output();
      const said: Record<string, string> = JSON.parse(
        new TextDecoder().decode(stdout),
      );
      return Object.keys(said).filter((name) => said[name] === "done");
    };
    const always = ["kill itself", "ask for flags"];
    assert.deepEqual(await done(), [...always, "getpid"]);
    assert.deepEqual(await done("connecting"), [...always, "socket", "getpid"]);
  },
});

const plain = plainContainer({ image: "", imageId: "" });
const named: ContainerSpec["security"] = {
  ...plain.security,
  runAsUser: 4001,
  runAsGroup: 4002,
  supplementalGroups: [4003],
};
const emptyDir = { kind: "emptyDir", medium: "" } as const;

async function volume(bench: Bench, spec: VolumeSpec): Promise<void> {
  await bench.runtime.setVolume("uid-1", spec, bench.options);
}

/** The process of the container `main`, as the records have it. */
async function guestPid(bench: Bench, pod = "uid-1"): Promise<number> {
  const path = `pods/${pod}/containers/main/0/container.json`;
  const text = await Deno.readTextFile(join(bench.stateDir, path));
  return JSON.parse(text).process.pid;
}

async function threads(pid: number): Promise<readonly string[]> {
  const tasks = `/proc/${pid}/task`;
  const names = await Array.fromAsync(Deno.readDir(tasks), ({ name }) => name);
  return await Promise.all(
    names.map((name) => Deno.readTextFile(`${tasks}/${name}/status`)),
  );
}

/** The first word of a line of `/proc/PID/status`. */
function field(status: string, name: string): string | undefined {
  const line = new RegExp(`^${name}:[ \\t]*(\\S*)`, "m").exec(status);
  return line?.[1];
}

function isConfined(status: string): boolean {
  return field(status, "Seccomp") === "2" &&
    field(status, "NoNewPrivs") === "1";
}

async function socketInodes(): Promise<ReadonlySet<string>> {
  const table = await Deno.readTextFile("/proc/net/tcp");
  return new Set(
    table.split("\n").map((line) => line.trim().split(/\s+/)[9] ?? ""),
  );
}

async function mountTable(): Promise<string> {
  return await Deno.readTextFile("/proc/self/mountinfo");
}

async function cpuMillis(pid: number): Promise<number> {
  return ((await processUsage(pid))?.cpuNanos ?? 0) / 1e6;
}

async function cpuShare(pid: number, ms: number): Promise<number> {
  const { signal } = new AbortController();
  const [begin, before] = [performance.now(), await cpuMillis(pid)];
  await delay(ms, { signal });
  return (await cpuMillis(pid) - before) / (performance.now() - begin);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const signal = AbortSignal.timeout(20_000);
  while (!await holds()) await delay(10, { signal });
}

/** Whether this process may make control groups with limits. */
async function missingGroups(): Promise<string | undefined> {
  if (!isLinux) return "needs Linux";
  const groups = await ControlGroups.open(`farlet-probe-${Deno.pid}`, {
    signal: AbortSignal.timeout(5_000),
  });
  await groups.remove();
  return groups.has("cpu") && groups.has("memory")
    ? undefined
    : "needs control groups that we may write";
}
