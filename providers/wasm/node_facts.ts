import { statfs } from "node:fs/promises";
import { osImage } from "../proc_files.ts";
import type { NodeFacts } from "../provider.ts";
import { readMemory } from "./machine_memory.ts";
import { readText } from "./system_files.ts";

/** Options for {@linkcode readNodeFacts}: what the machine does not know. */
export interface NodeFactsOptions {
  /** A directory on the disk that pods may fill. */
  readonly stateDir: string;
  readonly version: string;
  readonly maxPods: number;
}

/** This machine as it is now, within the limits of the agent's own container, if it is in one. */
export async function readNodeFacts(
  { stateDir, version, maxPods }: NodeFactsOptions,
): Promise<NodeFacts> {
  const { bsize, blocks } = await statfs(stateDir);
  return {
    os: Deno.build.os,
    arch: kubernetesArch(Deno.build.arch),
    hostname: Deno.hostname(),
    osImage: osImage(await readText("/etc/os-release")),
    kernelVersion: Deno.osRelease(),
    runtimeVersion: `farlet-wasm://${version}`,
    machineId: await readText("/etc/machine-id"),
    bootId: await readText("/proc/sys/kernel/random/boot_id"),
    // Rust's available_parallelism(), which knows affinity and CPU quotas.
    cpuMillis: navigator.hardwareConcurrency * 1000,
    memoryBytes: (await readMemory()).totalBytes,
    ephemeralStorageBytes: bsize * blocks,
    pods: maxPods,
    instanceType: "wasm",
    labels: wasiLabels,
  };
}

/**
 * What images must be made for, as `kubernetes.io/os` and `kubernetes.io/arch` say it: the OCI
 * platform is `wasi/wasm`. So nothing comes here that selects Linux, such as kube-proxy, which
 * tolerates every taint.
 */
const wasiLabels = {
  "kubernetes.io/os": "wasi",
  "kubernetes.io/arch": "wasm",
  "farlet.dev/wasm": "true",
} as const;

/** The architecture in Go's words, as `kubernetes.io/arch` has it. */
export function kubernetesArch(arch: typeof Deno.build.arch): string {
  switch (arch) {
    case "x86_64":
      return "amd64";
    case "aarch64":
      return "arm64";
  }
}
