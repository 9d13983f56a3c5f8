import assert from "node:assert/strict";
import type { ContainerSample, RuntimeStats } from "../../providers/samples.ts";
import { UsageSampler } from "./usage_sampler.ts";

/** A runtime with one container whose numbers a test sets, and a clock to go with it. */
function newSampler({ pods = ["u1"] } = {}) {
  const it = {
    ...{ asked: 0, now: 10_000, startedAt: 0, cpuNanos: 1e9, pods },
    running: true,
  };
  const container = (): ContainerSample => ({
    ...{ podUid: "u1", container: "app", memoryBytes: 1 },
    ...{ at: new Date(it.now), startedAt: new Date(it.startedAt) },
    cpuNanos: it.cpuNanos,
  });
  const sampler = new UsageSampler({
    backend: {
      stats() {
        it.asked++;
        const containers = it.running ? [container()] : [];
        return Promise.resolve<RuntimeStats>({ containers });
      },
    },
    pods: () => it.pods.map((uid) => ({ metadata: { uid } })),
  }, { now: () => it.now });
  return { sampler, it };
}

Deno.test("UsageSampler.sample() asks once for all who want to know within a second", async () => {
  const { sampler, it } = newSampler();
  await Promise.all([sampler.sample(), sampler.sample()]);
  it.now += 999;
  await sampler.sample();
  assert.equal(it.asked, 1);
  it.now += 1;
  await sampler.sample();
  assert.equal(it.asked, 2);
});

Deno.test("UsageSampler.sample() tells the rate since the sample before", async () => {
  const { sampler, it } = newSampler();
  const first = await sampler.sample();
  assert.equal(first.containers[0]?.nanoCores, 1e8);
  it.now += 10_000;
  it.cpuNanos += 5e9;
  const second = await sampler.sample();
  assert.equal(second.containers[0]?.nanoCores, 5e8);
});

Deno.test("UsageSampler.sample() adds up what ended runs of a pod have used", async () => {
  const { sampler, it } = newSampler();
  await sampler.sample();
  it.now += 10_000;
  it.running = false;
  const stopped = await sampler.sample();
  assert.deepEqual([...stopped.endedCpuNanos], [["u1", 1e9]]);
  it.now += 10_000;
  it.running = true;
  it.startedAt = it.now - 1_000;
  it.cpuNanos = 1e8;
  const restarted = await sampler.sample();
  assert.deepEqual([...restarted.endedCpuNanos], [["u1", 1e9]]);
  assert.equal(restarted.containers[0]?.nanoCores, 1e8);
});

Deno.test("UsageSampler.sample() forgets pods that are gone", async () => {
  const { sampler, it } = newSampler();
  await sampler.sample();
  it.now += 10_000;
  it.running = false;
  it.pods = [];
  assert.deepEqual([...(await sampler.sample()).endedCpuNanos], []);
});

Deno.test("UsageSampler.sample() rejects as the provider does, and asks again", async () => {
  let asked = 0;
  const sampler = new UsageSampler({
    backend: {},
    nodeStats: () => {
      asked++;
      return Promise.reject(new Error("no /proc"));
    },
    pods: () => [],
  });
  assert.equal(sampler.available, true);
  await assert.rejects(sampler.sample(), /no \/proc/);
  await assert.rejects(sampler.sample(), /no \/proc/);
  assert.equal(asked, 2);
});

Deno.test("UsageSampler.available is false for a provider that measures nothing", () => {
  const sampler = new UsageSampler({ backend: {}, pods: () => [] });
  assert.equal(sampler.available, false);
});
