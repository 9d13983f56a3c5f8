import { join } from "node:path";
import { KubeClient } from "../../k8s/client.ts";
import { loadCredentials } from "../../k8s/kubeconfig.ts";
import { apiPath } from "../../k8s/paths.ts";
import type { Pod } from "../../k8s/types.ts";
import { AgentProcess, eventually, guestImage } from "../agent_process.ts";
import { type Figure, percentile } from "./figures.ts";
import { type BenchStage, nodeReady } from "./node_bench.ts";

const node = "bench-wasm";

/** A node of WASI pods: from creation to the first line of output, and a hundred at once. */
export async function benchWasm(
  { cluster, signal, program }: BenchStage,
): Promise<readonly Figure[]> {
  const stateDir = await Deno.makeTempDir();
  const { kubeconfig } = cluster;
  using client = new KubeClient(await loadCredentials({ kubeconfig, env: {} }));
  await using _agent = AgentProcess.start({
    kubeconfig,
    nodeName: node,
    stateDir,
    ...(program === undefined ? {} : { program }),
  });
  await nodeReady(client, { node, signal });
  await ran(client, ["warm-up"], signal);
  const latencies: number[] = [];
  for (let i = 0; i < 10; i++) {
    const begun = Date.now();
    await ran(client, [`one-${i}`], signal);
    const written = await firstLineAt(client, { name: `one-${i}`, stateDir });
    latencies.push(written - begun);
  }
  const begun = performance.now();
  const names = Array.from({ length: 100 }, (_, i) => `many-${i}`);
  await ran(client, names, signal);
  const seconds = (performance.now() - begun) / 1000;
  await Deno.remove(stateDir, { recursive: true });
  return [
    {
      what: "WASM pod, creation to first line of output, median of 10",
      measured: `${Math.round(percentile(latencies, 50))} ms (slowest ${
        Math.round(Math.max(...latencies))
      } ms)`,
      wanted: "under 500 ms",
    },
    {
      what: "100 WASM pods at once, until all are done",
      measured: `${seconds.toFixed(1)} s`,
      wanted: "at most 30 s",
    },
  ];
}

/** When the first line of a pod's log was written, as the log itself says. */
async function firstLineAt(
  client: KubeClient,
  { name, stateDir }: { readonly name: string; readonly stateDir: string },
): Promise<number> {
  const { signal } = new AbortController();
  const pod = await client.get<Pod>(`${path()}/${name}`, { signal });
  const uid = pod?.metadata?.uid ?? "";
  const file = join(stateDir, "pods", uid, "containers", "app", "0", "0.log");
  const [time] = (await Deno.readTextFile(file)).split(" ");
  return Date.parse(time ?? "");
}

/** Creates pods of one line of output, and waits until all have succeeded. */
async function ran(
  client: KubeClient,
  names: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(
    names.map((name) => client.create(path(), pod(name), { signal })),
  );
  await eventually(async () => {
    const { items } = await client.list<Pod>(path(), { signal });
    const done = items.filter(({ metadata, status }) =>
      names.includes(metadata?.name ?? "") && status?.phase === "Succeeded"
    );
    if (done.length < names.length) throw new Error("Pods are not done");
  }, { limit: 120_000 });
}

function path(): string {
  return apiPath("v1", "pods", { namespace: "default" });
}

function pod(name: string): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      nodeName: node,
      restartPolicy: "Never",
      automountServiceAccountToken: false,
      containers: [{ name: "app", image: guestImage, args: ["echo", "hello"] }],
    },
  };
}
