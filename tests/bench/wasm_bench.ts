import { KubeClient } from "../../k8s/client.ts";
import { loadCredentials } from "../../k8s/kubeconfig.ts";
import { delay } from "../../async/delay.ts";
import { AgentProcess } from "../agent_process.ts";
import { type Figure, percentile } from "./figures.ts";
import { type BenchStage, nodeReady } from "./node_bench.ts";
import { scratchDir } from "./scratch_dir.ts";
import { firstLineAt, guestPod, removePods, untilPhase } from "./wasm_pods.ts";

const node = "bench-wasm";
const samples = 100;

/** A node of WASI pods: from creation to the first line of output, and a hundred at once. */
export async function benchWasmStart(
  { cluster, signal, program }: BenchStage,
): Promise<readonly Figure[]> {
  await using dir = await scratchDir();
  const stateDir = dir.path;
  const { kubeconfig } = cluster;
  using client = new KubeClient(await loadCredentials({ kubeconfig, env: {} }));
  await using _agent = AgentProcess.start({
    kubeconfig,
    nodeName: node,
    stateDir,
    ...(program === undefined ? {} : { program }),
  });
  await nodeReady(client, { node, signal });
  const done = (names: readonly string[]) =>
    untilPhase(client, {
      pods: names.map((name) => guestPod(node, name, ["echo", "hello"])),
      phase: "Succeeded",
      signal,
    });
  await done(["warm-up"]);
  const latencies: number[] = [];
  for (let i = 0; i < samples; i++) {
    // An idle node: what the pod before set going is over.
    await delay(800, { signal });
    const begun = Date.now();
    await done([`one-${i}`]);
    const name = `one-${i}`;
    const written = await firstLineAt(client, { name, stateDir, signal });
    latencies.push(written - begun);
  }
  await removePods(client, { signal });
  const begun = performance.now();
  await done(Array.from({ length: 100 }, (_, i) => `many-${i}`));
  const seconds = (performance.now() - begun) / 1000;
  await removePods(client, { signal });
  const ms = (percent: number) =>
    `${Math.round(percentile(latencies, percent))} ms`;
  const what = "tiny WASM pod on an idle node, creation to first byte";
  return [
    {
      what: `${what}, p50 of ${samples}`,
      measured: ms(50),
      wanted: "under 200 ms",
    },
    {
      what: `${what}, p99 of ${samples}`,
      measured: `${ms(99)} (slowest ${ms(100)})`,
      wanted: "under 500 ms",
    },
    {
      what: "100 WASM pods at once, until all are done",
      measured: `${seconds.toFixed(1)} s`,
      wanted: "at most 30 s",
    },
  ];
}
