import assert from "node:assert/strict";
import { needing } from "../../tests/needing.ts";
import { UnreachableError } from "../errors.ts";
import { busyboxImage, type TestHost } from "../../tests/ssh_hosts.ts";
import {
  type EngineKind,
  engineMissing,
  hostRoot,
  SshBench,
  startEngine,
  startEngineHost,
} from "./test_bench.ts";

const engines: readonly EngineKind[] = ["podman", "docker"];
const machines = new Map<EngineKind, Promise<TestHost>>();

Deno.test.afterAll(async () => {
  for (const machine of machines.values()) {
    await (await machine)[Symbol.asyncDispose]();
  }
});

function machineWith(engine: EngineKind): Promise<TestHost> {
  const machine = machines.get(engine) ?? startEngineHost(engine);
  machines.set(engine, machine);
  return machine;
}

/** A test with each of the engines: one host for all, and an agent of its own. */
function withBench(
  claim: string,
  fn: (bench: SshBench, engine: EngineKind) => Promise<void>,
  only: readonly EngineKind[] = engines,
) {
  for (const engine of only) {
    Deno.test({
      ...needing(engineMissing(engine), `SshRuntime ${claim}, with ${engine}`),
      async fn() {
        const machine = await machineWith(engine);
        await using bench = await SshBench.open(machine);
        await bench.clear();
        await fn(bench, engine);
        await bench.clear();
      },
    });
  }
}

withBench(
  "runs a container to its end, with all that it was given",
  async (bench) => {
    await bench.createSandbox({
      hostAliases: [{ ip: "10.0.0.9", hostnames: ["db"] }],
    });
    const volume = { kind: "emptyDir", name: "data", medium: "" } as const;
    await bench.runtime.setVolume("uid-1", volume, bench.options);
    const script = `
    hostname; echo "$GREETING"; grep -c db /etc/hosts
    echo kept >/data/note; cat /data/note
    echo last words >/dev/termination-log; exit 3`;
    await bench.start(script, {
      env: { GREETING: "hello, $WHO" },
      mounts: [{ volume: "data", mountPath: "/data", readOnly: false }],
    });
    const { code, reason, message } = await bench.exit();
    assert.deepEqual(
      { code, reason, message },
      { code: 3, reason: "Error", message: "last words\n" },
    );
    assert.equal(await bench.logs(), "web-0\nhello, $WHO\n1\nkept\n");
  },
);

withBench(
  "gives the containers of a pod one network, one /dev/shm and, if asked, one process table",
  async (bench) => {
    await bench.createSandbox({ pid: "pod", hostname: "shared" });
    await bench.start("echo hi >/dev/shm/note; nc -l -p 4000 -e hostname");
    await bench.start(
      "until nc 127.0.0.1 4000; do :; done; cat /dev/shm/note; ps | grep -c '[n]c -l'; ps | awk '$1 == 1 { print $NF }'",
      { name: "other" },
    );
    await bench.exit("other");
    const ref = { podUid: "uid-1", container: "other" };
    const stream = bench.runtime.readLogs(ref, {
      follow: false,
      previous: false,
      timestamps: false,
      stream: "stdout",
      ...bench.options,
    });
    const lines = (await new Response(stream).text()).trim().split("\n");
    assert.deepEqual(lines.slice(0, 2), ["shared", "hi"]);
    assert.equal(lines.at(-1), "/pause");
  },
);

withBench(
  "does not start a run twice, and keeps the last two",
  async (bench) => {
    await bench.createSandbox();
    for (const attempt of [0, 1, 2]) {
      await bench.start(`exit ${attempt}`, { attempt });
      await bench.start(`exit 9`, { attempt });
      const pod = await bench.until(({ containers: [web] }) =>
        web?.attempt === attempt && web.state.kind === "terminated"
      );
      const [web] = pod.containers;
      assert.ok(web?.state.kind === "terminated");
      assert.equal(web.state.exit.code, attempt);
      assert.equal(web.lastExit?.code, attempt === 0 ? undefined : attempt - 1);
    }
    await bench.until(({ containers: [web] }) => web?.attempt === 2);
    await settled(bench, [
      "/farlet_uid-1_POD_0",
      "/farlet_uid-1_web_1",
      "/farlet_uid-1_web_2",
    ]);
  },
);

withBench(
  "remembers a run that could not be started, also after a restart of the agent",
  async (bench) => {
    await bench.createSandbox();
    await assert.rejects(bench.start("", { command: ["/nope"] }), {
      name: "RuntimeError",
      reason: "RunContainerError",
      message: /nope/,
    });
    const before = await bench.container();
    assert.ok(before?.state.kind === "terminated");
    assert.equal(before.state.exit.reason, "StartError");
    assert.match(before.state.exit.message ?? "", /nope/);
    await bench.reopen();
    assert.deepEqual(await bench.container(), before);
  },
);

withBench(
  "ends a container by the signal that it asks for, and kills one that will not end",
  async (bench) => {
    await bench.createSandbox();
    // A shell that has no trap yet ignores the signal, as the first process of its container.
    await bench.start(
      "trap 'exit 7' USR1; echo ready; while :; do sleep 0.1; done",
      { stopSignal: "SIGUSR1" },
    );
    await bench.untilLogged("ready");
    await bench.stop(60);
    assert.equal((await bench.exit()).code, 7);
    await bench.start("trap '' TERM; echo ready; while :; do sleep 1; done", {
      attempt: 1,
    });
    await bench.untilLogged("ready");
    const begun = performance.now();
    await Promise.all([bench.stop(60), bench.stop(1)]);
    assert.ok(performance.now() - begun < 8_000);
    const pod = await bench.until(({ containers: [web] }) =>
      web?.attempt === 1 && web.state.kind === "terminated"
    );
    const state = pod.containers[0]?.state;
    assert.ok(state?.kind === "terminated");
    assert.deepEqual([state.exit.code, state.exit.reason], [137, "Error"]);
  },
);

withBench(
  "tells a container that was killed for want of memory",
  async (bench) => {
    await bench.createSandbox();
    await bench.start("tail /dev/zero", { memoryLimitBytes: 16 << 20 });
    const { code, reason } = await bench.exit();
    assert.deepEqual([code, reason], [137, "OOMKilled"]);
  },
);

withBench(
  "adopts what runs, and what ended while no agent was there",
  async (bench) => {
    await bench.createSandbox();
    await bench.start("sleep 1000");
    await bench.start("sleep 1; exit 5", { name: "short" });
    const before = await bench.container();
    await bench.reopen();
    assert.deepEqual(await bench.runtime.listPods(bench.options), [
      { uid: "uid-1", namespace: "default", name: "web-0" },
    ]);
    assert.deepEqual(await bench.container(), before);
    await bench.createSandbox();
    assert.equal((await bench.observe()).sandbox, "ready");
    assert.equal((await bench.exit("short")).code, 5);
    assert.deepEqual(await bench.container(), before);
  },
);

withBench(
  "finishes what an agent left that was killed half-way",
  async (bench) => {
    // Before the sandbox was started.
    await leave(bench, "farlet_uid-1_POD_0", { kind: "sandbox", attempt: "0" });
    await bench.reopen();
    assert.equal((await bench.observe()).sandbox, "stopped");
    await bench.createSandbox();
    assert.equal((await bench.observe()).sandbox, "ready");
    const made = await bench.engine
      .inspectContainer("farlet_uid-1_POD_0", bench.options);
    // Before the files of the sandbox were written.
    await bench.machine.shell(`rm -r ${hostRoot}/node-1/pods/uid-1/etc`);
    await bench.reopen();
    assert.equal((await bench.observe()).sandbox, "stopped");
    await bench.createSandbox();
    assert.equal((await bench.observe()).sandbox, "ready");
    const kept = await bench.engine
      .inspectContainer("farlet_uid-1_POD_0", bench.options);
    assert.equal(kept?.Id, made?.Id);
    // Before the container was started, and before anybody knew of it.
    for (const attempt of [0, 1]) {
      if (attempt === 0) await bench.reopen();
      const labels = { kind: "container", attempt: String(attempt) };
      await leave(bench, `farlet_uid-1_web_${attempt}`, labels);
      await bench.createSandbox();
      await bench.start("cat /etc/hosts; exit 2", { attempt });
      const pod = await bench.until(({ containers: [web] }) =>
        web?.attempt === attempt && web.state.kind === "terminated"
      );
      const state = pod.containers[0]?.state;
      assert.ok(state?.kind === "terminated");
      assert.equal(state.exit.code, 2);
    }
    assert.match(await bench.logs(), /web-0/);
  },
);

withBench(
  "replaces a sandbox that was killed, and ends what ran in it before",
  async (bench) => {
    await bench.createSandbox();
    await bench.start("sleep 1000");
    await bench.engine
      .killContainer("farlet_uid-1_POD_0", "SIGKILL", bench.options);
    const orphaned = await bench.until(({ sandbox }) => sandbox === "stopped");
    assert.equal(orphaned.containers[0]?.state.kind, "running");
    await bench.createSandbox();
    const pod = await bench.observe();
    assert.equal(pod.sandbox, "ready");
    const state = pod.containers[0]?.state;
    assert.ok(state?.kind === "terminated");
    assert.equal(state.exit.code, 137);
    await bench.start("hostname -i; sleep 1000", { attempt: 1 });
    const [web] = (await bench.observe()).containers;
    assert.deepEqual(
      [web?.attempt, web?.state.kind, web?.lastExit?.code],
      [1, "running", 137],
    );
    await bench.runtime.removeSandbox("uid-1", bench.options);
    assert.deepEqual(await bench.names(), []);
  },
);

withBench(
  "tells after a reboot of the host that nobody knows how containers ended",
  async (bench, engine) => {
    await bench.createSandbox();
    await bench.start("sleep 1000");
    await bench.start("exit 4", { name: "over" });
    await bench.exit("over");
    await bench.machine.reboot();
    if (engine === "docker") await startEngine(bench.machine, engine);
    await bench.until(
      ({ sandbox }) => sandbox === "stopped",
    );
    const [over, web] = (await bench.observe()).containers
      .toSorted((a, b) => a.name < b.name ? -1 : 1);
    assert.ok(over?.state.kind === "terminated");
    assert.equal(over.state.exit.code, 4);
    assert.ok(web?.state.kind === "terminated");
    // Docker gives them a code of its own, as a process may end with too.
    const unknown = engine === "docker" ? "Error" : "ContainerStatusUnknown";
    assert.equal(web.state.exit.reason, unknown);
    await bench.createSandbox();
    await bench.start("sleep 1000", { attempt: 1 });
    const again = await bench.container();
    assert.equal(again?.state.kind, "running");
    assert.equal(again.lastExit?.reason, unknown);
  },
);

withBench("survives the end of all SSH sessions", async (bench) => {
  await bench.createSandbox();
  await bench.start("sleep 2; exit 6");
  const before = await bench.container();
  await bench.machine.exec("pkill", "-9", "-f", "sshd: root");
  assert.equal((await bench.exit()).code, 6);
  const after = await bench.container();
  assert.deepEqual([after?.id, after?.attempt], [before?.id, 0]);
});

withBench(
  "knows nothing while the link is cut, and the truth afterwards",
  async (bench) => {
    await bench.createSandbox();
    await bench.start("sleep 5; exit 6");
    const before = await bench.container();
    await bench.machine.cut();
    for await (const { kind } of bench.host.changes(bench.options)) {
      if (kind === "unreachable") break;
    }
    await assert.rejects(bench.observe(), UnreachableError);
    await assert.rejects(bench.stop(0), UnreachableError);
    await bench.machine.heal();
    const exit = await bench.exit("web", "uid-1", 60_000);
    assert.equal(exit.code, 6);
    const after = await bench.container();
    assert.deepEqual([after?.id, after?.attempt], [before?.id, 0]);
  },
  ["podman"],
);

// Docker ends its containers with its service, unless its owner has it set otherwise.
withBench("survives the end of the engine's service", async (bench, engine) => {
  await bench.createSandbox();
  await bench.start("sleep 2; exit 6");
  const before = await bench.container();
  await bench.machine.exec("pkill", "-9", "-f", "podman system service");
  await startEngine(bench.machine, engine);
  assert.equal((await bench.exit()).code, 6);
  const after = await bench.container();
  assert.deepEqual([after?.id, after?.attempt], [before?.id, 0]);
}, ["podman"]);

withBench(
  "has nothing to do with containers of other nodes, or of nobody",
  async (bench) => {
    const mine = { Image: busyboxImage, Cmd: ["sleep", "1000"] };
    await bench.engine.createContainer("mine", mine, bench.options);
    await using other = await SshBench.open(bench.machine, "node-2");
    await bench.createSandbox();
    await other.createSandbox({ uid: "uid-2", name: "web-1" });
    const uids = async (of: SshBench) =>
      (await of.runtime.listPods(of.options)).map(({ uid }) => uid);
    assert.deepEqual(await uids(bench), ["uid-1"]);
    assert.deepEqual(await uids(other), ["uid-2"]);
    await other.runtime.removeSandbox("uid-1", other.options);
    assert.equal((await bench.observe()).sandbox, "ready");
    await bench.runtime.removeSandbox("uid-1", bench.options);
    assert.deepEqual(await bench.names(), ["/farlet_uid-2_POD_0", "/mine"]);
    await other.clear();
    const options = { ...bench.options, force: true };
    await bench.engine.removeContainer("mine", options);
  },
);

withBench(
  "leaves nothing of a pod, and does not mind removing it twice",
  async (bench) => {
    await bench.createSandbox();
    await bench.start("sleep 1000");
    await bench.start("exit 1", { name: "side" });
    await bench.runtime.removeSandbox("uid-1", bench.options);
    await bench.runtime.removeSandbox("uid-1", bench.options);
    assert.deepEqual(await bench.names(), []);
    assert.deepEqual(await bench.runtime.listPods(bench.options), []);
    const files = await bench.machine.shell(`ls ${hostRoot}/node-1/pods`);
    assert.equal(files, "");
    await assert.rejects(bench.logs(), Deno.errors.NotFound);
  },
);

/** Leaves a container of the pod that was created and never started. */
async function leave(
  { engine, options }: SshBench,
  name: string,
  { kind, attempt }: { readonly kind: string; readonly attempt: string },
): Promise<void> {
  await engine.createContainer(name, {
    Image: busyboxImage,
    Cmd: ["true"],
    Labels: {
      "io.kubernetes.pod.uid": "uid-1",
      "io.kubernetes.container.name": "web",
      "farlet.dev/node": "node-1",
      "farlet.dev/kind": kind,
      "farlet.dev/attempt": attempt,
    },
  }, options);
}

/** Waits until these are the containers of the host. */
async function settled(
  bench: SshBench,
  names: readonly string[],
): Promise<void> {
  const deadline = AbortSignal.timeout(10_000);
  for (;;) {
    const now = await bench.names();
    if (now.join() === names.join()) return;
    if (deadline.aborted) assert.deepEqual(now, names);
  }
}
