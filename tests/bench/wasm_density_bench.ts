import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { delay } from "../../async/delay.ts";
import { KubeClient } from "../../k8s/client.ts";
import { loadCredentials } from "../../k8s/kubeconfig.ts";
import { AgentProcess } from "../agent_process.ts";
import { type Figure, percentile } from "./figures.ts";
import { type BenchStage, nodeReady } from "./node_bench.ts";
import { kubeletTimes } from "./kubelet_times.ts";
import { memoryMib } from "./process_memory.ts";
import { scratchDir } from "./scratch_dir.ts";
import { guestPod, removePods, untilPhase } from "./wasm_pods.ts";

const node = "bench-dense";
const count = 500;
const asked = 20;

/** What the agent is asked while its pods sleep. */
const paths = ["healthz", "pods", "stats/summary"];

/** Five hundred pods that sleep: how fast the agent answers, and what all of it takes. */
export async function benchWasmDensity(
  { cluster, signal, program }: BenchStage,
): Promise<readonly Figure[]> {
  await using dir = await scratchDir();
  const stateDir = dir.path;
  const { kubeconfig } = cluster;
  const credentials = await loadCredentials({ kubeconfig, env: {} });
  using client = new KubeClient(credentials);
  const config = join(stateDir, "agent.json");
  await Deno.writeTextFile(config, JSON.stringify(agentConfig(stateDir)));
  await using agent = AgentProcess.run(
    ["serve", "--config", config, "--kubeconfig", kubeconfig],
    program === undefined ? {} : { program },
  );
  await nodeReady(client, { node, signal });
  const begun = performance.now();
  await untilPhase(client, {
    pods: Array.from(
      { length: count },
      (_, i) => guestPod(node, `asleep-${i}`, ["sleep", "100000000"]),
    ),
    phase: "Running",
    signal,
  });
  const seconds = (performance.now() - begun) / 1000;
  await delay(10_000, { signal });
  const figures: Figure[] = [{
    what:
      `${count} sleeping WASM pods, created one after the other, all Running`,
    measured: `after ${seconds.toFixed(1)} s`,
  }];
  for (const path of paths) {
    const times = await kubeletTimes(client, credentials, {
      ...{ node, path, times: asked, signal },
    });
    figures.push({
      what: `/${path} of their agent, median of ${asked}`,
      measured: `${Math.round(percentile(times, 50))} ms (slowest ${
        Math.round(Math.max(...times))
      } ms)`,
      wanted: "under 100 ms",
    });
  }
  const { agentMib, childrenMib, children } = await memoryMib(agent.pid);
  figures.push({
    what: `memory of that agent, and of its ${children} processes`,
    measured: `${Math.round(agentMib)} MiB and ${
      (childrenMib / 1024).toFixed(1)
    } GiB (${(childrenMib / children).toFixed(1)} MiB each)`,
  });
  await removePods(client, { signal });
  return figures;
}

function agentConfig(stateDir: string) {
  const guests = fileURLToPath(new URL("../guests", import.meta.url));
  return {
    apiVersion: "farlet.dev/v1alpha1",
    kind: "AgentConfiguration",
    stateDir: join(stateDir, "state"),
    kubelet: { port: 0 },
    nodes: [{
      name: node,
      ip: "127.0.0.1",
      maxPods: count + 10,
      wasm: { allowLocalModules: [guests] },
    }],
  };
}
