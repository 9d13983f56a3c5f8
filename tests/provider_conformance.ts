import assert from "node:assert/strict";
import type { PodStatus } from "../k8s/types.ts";
import { accessCases, type ConformanceCases } from "./access_conformance.ts";
import { needing } from "./needing.ts";
import { ProviderBench, type ProviderUnderTest } from "./provider_bench.ts";

/** Options of {@linkcode testProvider}. */
export interface ConformanceOptions {
  /** Cases that do not apply, by their claim, each with the reason. */
  readonly skip?: Readonly<Record<string, string>>;
}

/**
 * Registers one test for each thing that farlet promises of every provider.
 *
 * `setup` is called anew for each test. A provider that runs containers is driven through farlet's
 * own engine; one that takes whole pods is called directly.
 */
export function testProvider(
  name: string,
  setup: () => Promise<ProviderUnderTest>,
  { skip = {} }: ConformanceOptions = {},
): void {
  const unknown = Object.keys(skip).filter((claim) => !(claim in cases));
  if (unknown.length > 0) {
    throw new RangeError(`Cannot skip unknown cases: ${unknown.join(", ")}`);
  }
  for (const [claim, run] of Object.entries(cases)) {
    Deno.test({
      ...needing(skip[claim], `${name} ${claim}`),
      fn: async () => {
        await using bench = new ProviderBench(await setup());
        await run(bench);
      },
    });
  }
}

const cases: ConformanceCases = {
  ...accessCases,

  async "describes a healthy node with capacity"({ provider, options }) {
    const facts = await provider.describeNode(options);
    assert.ok(facts.cpuMillis > 0 && facts.memoryBytes > 0 && facts.pods > 0);
    assert.match(facts.arch, /^[a-z0-9]+$/);
    assert.deepEqual(await provider.checkHealth(options), {
      kind: "healthy",
    });
  },

  async "runs a pod to success"(bench) {
    const pod = bench.pod({ args: ["echo", "hello"] });
    await bench.create(pod);
    const status = await bench.phase(pod, "Succeeded");
    const ended = status.containerStatuses?.[0]?.state?.terminated;
    assert.equal(ended?.exitCode, 0);
    assert.equal(ended.reason, "Completed");
    assert.equal(await bench.logs(pod), "hello\n");
  },

  async "reports the exit code of a failed container"(bench) {
    const pod = bench.pod({ args: ["exit", "3"] });
    await bench.create(pod);
    const status = await bench.phase(pod, "Failed");
    const ended = status.containerStatuses?.[0]?.state?.terminated;
    assert.equal(ended?.exitCode, 3);
    assert.equal(ended.reason, "Error");
  },

  async "keeps a pod running until it is deleted"(bench) {
    const pod = bench.pod({ args: ["spin"] });
    await bench.create(pod);
    await bench.phase(pod, "Running");
    const last = await bench.delete(pod, { graceSeconds: 1 });
    assert.ok(last?.containerStatuses?.[0]?.state?.terminated);
    assert.equal(await bench.status(pod), undefined);
    assert.deepEqual(await bench.pods.listPods(bench.options), []);
  },

  async "ends a busy container within a second of its grace period"(bench) {
    const pod = bench.pod({ args: ["spin"] });
    await bench.create(pod);
    await bench.phase(pod, "Running");
    const begun = performance.now();
    await bench.delete(pod, { graceSeconds: 2 });
    assert.ok(performance.now() - begun < 3_000);
  },

  async "hurries a deletion that is asked for again with less grace"(bench) {
    const pod = bench.pod({ args: ["spin"] });
    await bench.create(pod);
    await bench.phase(pod, "Running");
    const begun = performance.now();
    await Promise.all([
      bench.delete(pod, { graceSeconds: 60 }),
      bench.delete(pod, { graceSeconds: 0 }),
    ]);
    assert.ok(performance.now() - begun < 5_000);
  },

  async "deletes an unknown pod without an error"(bench) {
    const pod = bench.pod({ args: [] });
    assert.equal(await bench.delete(pod, { graceSeconds: 0 }), undefined);
  },

  async "takes a pod once however often it is created"(bench) {
    const pod = bench.pod({ args: ["spin"] });
    await bench.create(pod);
    const first = await bench.phase(pod, "Running");
    await bench.create(pod);
    await bench.pods.updatePod(pod, bench.options);
    const again = await bench.phase(pod, "Running");
    const id = (status: PodStatus) => status.containerStatuses?.[0];
    assert.equal(id(again)?.containerID, id(first)?.containerID);
    assert.equal(id(again)?.restartCount, 0);
  },

  async "runs nothing of a pod that has ended before"(bench) {
    const ended = bench.pod({ args: ["echo", "again"] });
    await bench.create({ ...ended, status: { phase: "Failed" } });
    const other = bench.pod({ args: ["echo", "new"] });
    await bench.create(other);
    await bench.phase(other, "Succeeded");
    assert.notEqual((await bench.status(ended))?.phase, "Running");
    await assert.rejects(bench.logs(ended), Deno.errors.NotFound);
  },

  async "tells pods of one name apart by their UID"(bench) {
    const before = bench.pod({ args: ["spin"] });
    const after = bench.pod({ args: ["echo", "new"] }, before.metadata?.name);
    await bench.create(before);
    await bench.phase(before, "Running");
    await bench.create(after);
    await bench.phase(after, "Succeeded");
    assert.equal((await bench.status(before))?.phase, "Running");
    await bench.delete(before, { graceSeconds: 0 });
    assert.equal((await bench.status(after))?.phase, "Succeeded");
  },

  async "lists the pods that it has"(bench) {
    const pod = bench.pod({ args: ["spin"] });
    await bench.create(pod);
    await bench.phase(pod, "Running");
    const { uid, namespace, name } = pod.metadata ?? {};
    const listed = await bench.pods.listPods(bench.options);
    assert.deepEqual(
      listed.map(({ uid, namespace, name }) => ({
        uid,
        namespace,
        name,
      })),
      [{ uid, namespace, name }],
    );
  },

  async "gives containers their environment"(bench) {
    const pod = bench.pod({
      args: ["env", "GREETING"],
      env: [{ name: "WHO", value: "world" }, {
        name: "GREETING",
        value: "hello $(WHO)",
      }],
    });
    await bench.create(pod);
    await bench.phase(pod, "Succeeded");
    assert.equal(await bench.logs(pod), "hello world\n");
  },

  async "runs init containers first, on the same volumes"(bench) {
    const volumeMounts = [{ name: "shared", mountPath: "/shared" }];
    const pod = bench.pod({ args: ["cat", "/shared/note"], volumeMounts });
    pod.spec?.volumes?.push({ name: "shared", emptyDir: {} });
    pod.spec?.initContainers?.push({
      ...bench.container("first"),
      args: ["write", "/shared/note", "from the first"],
      volumeMounts,
    });
    await bench.create(pod);
    const status = await bench.phase(pod, "Succeeded");
    assert.equal(await bench.logs(pod), "from the first");
    assert.ok(status.initContainerStatuses?.[0]?.ready);
  },

  async "fails a pod whose init container fails"(bench) {
    const pod = bench.pod({ args: ["echo", "never"] });
    pod.spec?.initContainers?.push({
      ...bench.container("first"),
      args: ["exit", "7"],
    });
    await bench.create(pod);
    const status = await bench.phase(pod, "Failed");
    const [first] = status.initContainerStatuses ?? [];
    assert.equal(first?.state?.terminated?.exitCode, 7);
    assert.equal(
      status.containerStatuses?.[0]?.state?.waiting?.reason,
      "PodInitializing",
    );
  },

  async "restarts a failed container and counts it"(bench) {
    const pod = bench.pod({ args: ["exit", "1"] });
    if (pod.spec) pod.spec.restartPolicy = "OnFailure";
    await bench.create(pod);
    const status = await bench.until(
      pod,
      ({ containerStatuses: [web] = [] }) =>
        web?.state?.waiting?.reason === "CrashLoopBackOff",
    );
    const [web] = status.containerStatuses ?? [];
    assert.ok((web?.restartCount ?? 0) >= 1);
    assert.equal(web?.lastState?.terminated?.exitCode, 1);
    assert.equal(status.phase, "Running");
  },

  async "shows configuration as files"(bench) {
    const pod = bench.pod({
      args: ["cat", "/etc/app/motd"],
      volumeMounts: [{ name: "config", mountPath: "/etc/app" }],
    });
    pod.spec?.volumes?.push({ name: "config", configMap: { name: "motd" } });
    await bench.create(pod);
    await bench.phase(pod, "Succeeded");
    assert.equal(await bench.logs(pod), "be kind\n");
  },

  async "says that an image cannot be had"(bench) {
    const pod = bench.pod({ args: [], image: "missing.invalid/none:1" });
    await bench.create(pod);
    const status = await bench.until(
      pod,
      ({ containerStatuses: [web] = [] }) =>
        /^(ErrImagePull|ImagePullBackOff)$/.test(
          web?.state?.waiting?.reason ?? "",
        ),
    );
    assert.equal(status.phase, "Pending");
  },

  async "takes a failed container's last words from its log"(bench) {
    const pod = bench.pod({
      args: ["echo", "fine", "err", "out of luck", "exit", "1"],
      terminationMessagePolicy: "FallbackToLogsOnError",
    });
    await bench.create(pod);
    const status = await bench.phase(pod, "Failed");
    const ended = status.containerStatuses?.[0]?.state?.terminated;
    assert.match(ended?.message ?? "", /out of luck/);
  },

  async "keeps the two output streams apart"(bench) {
    const pod = bench.pod({ args: ["echo", "out", "err", "bad"] });
    await bench.create(pod);
    await bench.phase(pod, "Succeeded");
    assert.equal(await bench.logs(pod, { stream: "stdout" }), "out\n");
    assert.equal(await bench.logs(pod, { stream: "stderr" }), "bad\n");
  },

  async "reads the last lines of a log, or none"(bench) {
    const pod = bench.pod({ args: ["lines", "100"] });
    await bench.create(pod);
    await bench.phase(pod, "Succeeded");
    const tail = await bench.logs(pod, { tailLines: 2 });
    assert.equal(tail, "line 99\nline 100\n");
    assert.equal(await bench.logs(pod, { tailLines: 0 }), "");
    assert.equal(await bench.logs(pod, { limitBytes: 4 }), "line");
    const stamped = await bench.logs(pod, { timestamps: true, tailLines: 1 });
    assert.match(
      stamped,
      /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-][\d:]+) line 100\n$/,
    );
  },

  async "follows a log to its end"(bench) {
    const pod = bench.pod({
      args: ["echo", "a", "sleep", "300", "echo", "b"],
    });
    await bench.create(pod);
    await bench.phase(pod, "Running");
    assert.equal(await bench.logs(pod, { follow: true }), "a\nb\n");
  },

  async "says which log does not exist"(bench) {
    const pod = bench.pod({ args: ["spin"] });
    await bench.create(pod);
    await bench.phase(pod, "Running");
    await assert.rejects(
      bench.logs(pod, { previous: true }),
      Deno.errors.NotFound,
    );
  },
};
