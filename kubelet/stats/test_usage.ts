import type { Pod } from "../../k8s/types.ts";
import type { Usage } from "./usage_sampler.ts";

const containerState = {
  ...{ ready: true, restartCount: 0, imageID: "" },
  state: { running: { startedAt: "2026-01-01T00:00:00Z" } },
};

/** A pod with a limited container, one without a limit, and volumes. */
export const web: Pod = {
  metadata: { namespace: "default", name: "web", uid: "u-web" },
  spec: {
    containers: [
      {
        name: "app",
        image: "app:1",
        resources: {
          limits: { memory: "64Mi", cpu: "500m" },
          requests: { cpu: "100m" },
        },
      },
      { name: "side", image: "side:1" },
    ],
    volumes: [
      { name: "cache", emptyDir: {} },
      { name: "config", configMap: { name: "config" } },
      { name: "data", persistentVolumeClaim: { claimName: "claim" } },
      { name: "ram", emptyDir: { medium: "Memory" } },
    ],
  },
  status: {
    phase: "Running",
    qosClass: "Burstable",
    startTime: "2026-01-01T00:00:00Z",
    containerStatuses: [
      {
        ...{ ...containerState, name: "app", image: "app:1" },
        containerID: "wasm://id-app",
      },
      {
        ...{ ...containerState, name: "side", image: "side:1" },
        containerID: "wasm://id-side",
      },
    ],
  },
};

/** A pod of which the whole is limited, since its only container is. */
export const small: Pod = {
  metadata: { namespace: "other", name: "small", uid: "u-small" },
  spec: {
    containers: [{
      name: "one",
      image: "one:1",
      resources: { limits: { memory: "1Mi" } },
    }],
  },
};

/** A pod that has ended; its volume is still there. */
export const ended: Pod = {
  metadata: { namespace: "default", name: "ended", uid: "u-ended" },
  spec: { containers: [{ name: "app" }] },
  status: { phase: "Succeeded" },
};

const at = new Date("2026-01-01T00:01:40.500Z");
const disk = {
  capacityBytes: 1000,
  availableBytes: 400,
  usedBytes: 500,
  inodes: 100,
  inodesFree: 60,
};

/** What {@linkcode web}, {@linkcode small} and {@linkcode ended} use, and a pod that nobody knows. */
export const usage: Usage = {
  node: {
    at,
    startedAt: new Date("2026-01-01T00:00:00Z"),
    cpuNanos: 200_000_000_000.4,
    nanoCores: 1_500_000_000,
    memoryBytes: 2 ** 30,
    memoryAvailableBytes: 2 ** 31,
    memoryUsageBytes: 2 ** 30 + 1,
    filesystem: disk,
    interfaces: [
      { name: "eth0", rxBytes: 1, rxErrors: 2, txBytes: 3, txErrors: 4 },
      { name: "eth1", rxBytes: 5, rxErrors: 6, txBytes: 7, txErrors: 8 },
    ],
  },
  containers: [
    {
      ...{ podUid: "u-web", container: "side", at: new Date(at.getTime() - 5) },
      startedAt: new Date("2026-01-01T00:00:20Z"),
      ...{ cpuNanos: 3_000_000_000, memoryBytes: 3_000_000 },
    },
    {
      ...{ podUid: "u-web", container: "app", at },
      startedAt: new Date("2026-01-01T00:00:10.250Z"),
      ...{ cpuNanos: 1_234_567_891, nanoCores: 12_345_678.9 },
      ...{ memoryBytes: 2 ** 20, memoryUsageBytes: 2 ** 21 },
      ...{ memoryRssBytes: 2 ** 19, rootfsBytes: 100, logBytes: 10 },
    },
    {
      ...{ podUid: "u-small", container: "one", at },
      startedAt: new Date("2026-01-01T00:01:30Z"),
      ...{ cpuNanos: 0, memoryBytes: 2 ** 21, nanoCores: 0 },
    },
    {
      ...{ podUid: "u-gone", container: "app", at, startedAt: at },
      ...{ cpuNanos: 1, memoryBytes: 1 },
    },
  ],
  volumes: [
    { podUid: "u-web", volume: "ram", at, usedBytes: 7, capacityBytes: 70 },
    { podUid: "u-web", volume: "cache", at, usedBytes: 20, inodesUsed: 2 },
    { podUid: "u-web", volume: "config", at, usedBytes: 3 },
    {
      ...{ podUid: "u-web", volume: "data", at, usedBytes: 50 },
      ...{ capacityBytes: 90, availableBytes: 40 },
    },
    { podUid: "u-ended", volume: "cache", at, usedBytes: 20 },
  ],
  networks: [{
    podUid: "u-web",
    at,
    interfaces: [
      { name: "tun0", rxBytes: 9, rxErrors: 0, txBytes: 8, txErrors: 1 },
    ],
  }],
  endedCpuNanos: new Map([["u-web", 500_000_000]]),
};
