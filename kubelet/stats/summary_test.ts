import assert from "node:assert/strict";
import { summary } from "./summary.ts";
import { ended, small, usage, web } from "./test_usage.ts";

const pods = [web, small, ended];
const time = "2026-01-01T00:01:40Z";
const around = { availableBytes: 400, capacityBytes: 1000 };
const inodes = { inodesFree: 60, inodes: 100 };

const nodeCpu = {
  time,
  usageNanoCores: 1_500_000_000,
  usageCoreNanoSeconds: 200_000_000_000,
};
const nodeMemory = {
  time,
  availableBytes: 2_147_483_648,
  usageBytes: 1_073_741_825,
  workingSetBytes: 1_073_741_824,
};
const appUse = {
  name: "app",
  startTime: "2026-01-01T00:00:10Z",
  cpu: {
    time,
    usageNanoCores: 12_345_679,
    usageCoreNanoSeconds: 1_234_567_891,
  },
  memory: {
    time,
    availableBytes: 66_060_288,
    usageBytes: 2_097_152,
    workingSetBytes: 1_048_576,
    rssBytes: 524_288,
  },
};
const sideUse = {
  name: "side",
  startTime: "2026-01-01T00:00:20Z",
  cpu: { time, usageCoreNanoSeconds: 3_000_000_000 },
  memory: { time, workingSetBytes: 3_000_000 },
};
const webUse = {
  podRef: { name: "web", namespace: "default", uid: "u-web" },
  startTime: "2026-01-01T00:00:00Z",
};
const webTotal = {
  cpu: { time, usageCoreNanoSeconds: 4_734_567_891 },
  memory: { time, workingSetBytes: 4_048_576 },
};
const smallUse = {
  podRef: { name: "small", namespace: "other", uid: "u-small" },
  startTime: "2026-01-01T00:01:30Z",
  containers: [{
    name: "one",
    startTime: "2026-01-01T00:01:30Z",
    cpu: { time, usageNanoCores: 0, usageCoreNanoSeconds: 0 },
    memory: { time, availableBytes: 0, workingSetBytes: 2_097_152 },
  }],
  cpu: { time, usageNanoCores: 0, usageCoreNanoSeconds: 0 },
  memory: { time, availableBytes: 0, workingSetBytes: 2_097_152 },
};

Deno.test("summary() has the names, sums and omissions of the kubelet", () => {
  const document = summary({
    ...{ nodeName: "n1", usage, pods, onlyCpuAndMemory: false },
  });
  assert.deepEqual(document, {
    node: {
      nodeName: "n1",
      startTime: "2026-01-01T00:00:00Z",
      cpu: nodeCpu,
      memory: nodeMemory,
      network: {
        time,
        ...{ name: "eth0", rxBytes: 1, rxErrors: 2, txBytes: 3, txErrors: 4 },
        interfaces: [
          { name: "eth0", rxBytes: 1, rxErrors: 2, txBytes: 3, txErrors: 4 },
          { name: "eth1", rxBytes: 5, rxErrors: 6, txBytes: 7, txErrors: 8 },
        ],
      },
      fs: { time, ...around, usedBytes: 500, ...inodes, inodesUsed: 40 },
    },
    pods: [{
      ...webUse,
      containers: [{
        ...appUse,
        rootfs: { time, ...around, usedBytes: 100, ...inodes },
        logs: { time, ...around, usedBytes: 10, ...inodes },
      }, sideUse],
      ...webTotal,
      network: {
        ...{ time, name: "" },
        interfaces: [
          { name: "tun0", rxBytes: 9, rxErrors: 0, txBytes: 8, txErrors: 1 },
        ],
      },
      volume: [
        {
          ...{ time, ...around, usedBytes: 20, ...inodes, inodesUsed: 2 },
          name: "cache",
        },
        { time, ...around, usedBytes: 3, ...inodes, name: "config" },
        {
          ...{ time, usedBytes: 50, availableBytes: 40, capacityBytes: 90 },
          ...{ name: "data", pvcRef: { name: "claim", namespace: "default" } },
        },
        { time, usedBytes: 7, capacityBytes: 70, name: "ram" },
      ],
      "ephemeral-storage": {
        ...{ time, ...around, usedBytes: 133, ...inodes, inodesUsed: 2 },
      },
    }, smallUse],
  });
});

Deno.test("summary() leaves storage and networks out for only_cpu_and_memory", () => {
  const idle = { ...web, metadata: { ...web.metadata, uid: "u-idle" } };
  const document = summary({
    nodeName: "n1",
    usage: {
      ...usage,
      volumes: [...usage.volumes, {
        ...{ podUid: "u-idle", volume: "cache", usedBytes: 1 },
        at: new Date(0),
      }],
    },
    pods: [...pods, idle],
    onlyCpuAndMemory: true,
  });
  assert.deepEqual(document, {
    node: {
      nodeName: "n1",
      startTime: "2026-01-01T00:00:00Z",
      cpu: nodeCpu,
      memory: nodeMemory,
    },
    pods: [
      { ...webUse, containers: [appUse, sideUse], ...webTotal },
      smallUse,
    ],
  });
});

Deno.test("summary() of a provider that knows no node has its name", () => {
  const { node: _, ...others } = usage;
  const document = summary({
    ...{ nodeName: "n1", usage: others, pods: [], onlyCpuAndMemory: false },
  });
  assert.deepEqual(document, {
    node: { nodeName: "n1", startTime: null },
    pods: [],
  });
});

Deno.test("summary() keeps a pod that waits and has volumes, without containers", () => {
  const document = summary({
    nodeName: "n1",
    usage: { ...usage, containers: [] },
    pods: [web],
    onlyCpuAndMemory: false,
  });
  const [pod] = document.pods;
  assert.deepEqual(pod?.containers, []);
  assert.equal(pod?.cpu, undefined);
  assert.equal(pod?.volume?.length, 4);
  assert.equal(pod?.["ephemeral-storage"]?.usedBytes, 23);
});

Deno.test("summary() writes whole numbers of at least 0 only", () => {
  const text = JSON.stringify(summary({
    ...{ nodeName: "n1", usage, pods, onlyCpuAndMemory: false },
  }));
  const numbers = [...text.matchAll(/:(-?[\d.e+]+)[,}\]]/g)].map(([, n]) => n);
  assert.ok(numbers.length > 40, text);
  for (const number of numbers) assert.match(number ?? "", /^\d+$/);
});
