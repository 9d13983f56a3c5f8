import assert from "node:assert/strict";
import type { Health, NodeFacts } from "../providers/provider.ts";
import { ProviderWatch } from "./provider_watch.ts";

const facts: NodeFacts = {
  os: "linux",
  arch: "amd64",
  hostname: "h",
  osImage: "",
  kernelVersion: "",
  runtimeVersion: "memory://0",
  machineId: "",
  bootId: "",
  cpuMillis: 1000,
  memoryBytes: 1024,
  ephemeralStorageBytes: 1024,
  pods: 1,
  instanceType: "",
};
const healthy: Health = { kind: "healthy" };

/** Runs a watch with short times until `seen` holds after a reading. */
async function watchUntil(
  provider: {
    describeNode?: () => Promise<NodeFacts>;
    checkHealth?: () => Promise<Health>;
  },
  seen: (watch: ProviderWatch) => boolean,
): Promise<ProviderWatch> {
  const watch = new ProviderWatch({
    describeNode: () => Promise.resolve(facts),
    checkHealth: () => Promise.resolve(healthy),
    ...provider,
  }, { interval: 2, timeout: 20 });
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(5_000)]);
  const running = watch.run({ signal });
  for await (const _ of watch.changes({ signal })) {
    if (seen(watch)) break;
  }
  assert.ok(!signal.aborted, "not seen in time");
  stop.abort();
  await running;
  return watch;
}

Deno.test("ProviderWatch is unhealthy and without facts before the first reading", () => {
  const watch = new ProviderWatch({
    describeNode: () => Promise.resolve(facts),
    checkHealth: () => Promise.resolve(healthy),
  });
  assert.equal(watch.facts, undefined);
  assert.equal(watch.health.kind, "unhealthy");
});

Deno.test("ProviderWatch reads facts and health anew each time", async () => {
  let pods = 0;
  const watch = await watchUntil({
    describeNode: () => Promise.resolve({ ...facts, pods: ++pods }),
  }, ({ facts }) => facts?.pods === 3);
  assert.deepEqual(watch.health, healthy);
});

Deno.test("ProviderWatch believes an unhealthy provider at once", async () => {
  const health: Health = { kind: "unhealthy", reason: "Gone", message: "m" };
  const watch = await watchUntil(
    { checkHealth: () => Promise.resolve(health) },
    ({ facts }) => facts !== undefined,
  );
  assert.deepEqual(watch.health, health);
});

Deno.test("ProviderWatch forgives two failed checks, not three", async () => {
  let checks = 0;
  const kinds: string[] = [];
  await watchUntil({
    checkHealth() {
      if (++checks === 1) return Promise.resolve(healthy);
      throw new Error("connection reset");
    },
  }, (watch) => {
    if (checks > 0) kinds.push(`${checks} ${watch.health.kind}`);
    return checks >= 4;
  });
  assert.ok(kinds.includes("3 healthy"), kinds.join());
  assert.ok(kinds.includes("4 unhealthy"), kinds.join());
});

Deno.test("ProviderWatch gives up a hung call, starts no other beside it, and keeps reading the rest", async () => {
  let checks = 0;
  let described = 0;
  const hung = Promise.withResolvers<Health>();
  const watch = await watchUntil({
    describeNode: () => Promise.resolve({ ...facts, pods: ++described }),
    checkHealth() {
      checks++;
      return hung.promise;
    },
  }, ({ facts }) => facts?.pods === 4);
  assert.equal(checks, 1);
  assert.equal(watch.health.kind, "unhealthy");
  assert.match(
    watch.health.kind === "unhealthy" ? watch.health.message : "",
    /No answer within/,
  );
  hung.resolve(healthy);
});

Deno.test("ProviderWatch asks again after a hung call has ended", async () => {
  let checks = 0;
  const hung = Promise.withResolvers<Health>();
  const watch = await watchUntil({
    checkHealth() {
      if (++checks > 1) return Promise.resolve(healthy);
      setTimeout(() => hung.reject(new Error("late")), 30);
      return hung.promise;
    },
  }, ({ health }) => health.kind === "healthy");
  assert.ok(checks > 1);
  assert.deepEqual(watch.health, healthy);
});
