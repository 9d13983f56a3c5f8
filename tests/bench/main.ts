import { parseArgs } from "node:util";
import { printTable } from "./figures.ts";
import { benchLogs } from "./log_bench.ts";
import { benchNode, type BenchStage } from "./node_bench.ts";
import { benchPlan } from "./plan_bench.ts";
import { benchHosts, benchSsh } from "./ssh_bench.ts";
import { benchStreaming } from "./streaming_bench.ts";
import { benchWasm } from "./wasm_bench.ts";
import { startControlPlane } from "../controlplane.ts";

/**
 * `deno task bench [--program COMMAND] [--pods N] [PART...]`: measures farlet on a real API server
 * on this machine. COMMAND is what runs farlet, such as `dist/farlet`; the sources unless given.
 * Parts are plan, logs, node, wasm, streaming, ssh and hosts; all of them unless named. What else
 * the machine does meanwhile is in the figures.
 */
const { values, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    program: { type: "string" },
    pods: { type: "string", default: "1000" },
  },
});
const program = values.program?.split(" ");
const signal = AbortSignal.timeout(30 * 60_000);
const alone = { plan: benchPlan, logs: benchLogs };
const onCluster = {
  node: (stage: BenchStage) => benchNode(stage, { pods: Number(values.pods) }),
  wasm: benchWasm,
  streaming: benchStreaming,
  ssh: benchSsh,
  hosts: benchHosts,
};
const names = Object.keys({ ...alone, ...onCluster });
const unknown = positionals.filter((name) => !names.includes(name));
if (unknown.length > 0) throw new Error(`Unknown parts: ${unknown.join(", ")}`);
const chosen = <Part>(parts: Readonly<Record<string, Part>>) =>
  Object.entries(parts).flatMap(([name, part]) =>
    positionals.length === 0 || positionals.includes(name) ? [part] : []
  );
const figures = [];
for (const measure of chosen(alone)) figures.push(...await measure());
const parts = chosen(onCluster);
if (parts.length > 0) {
  await using cluster = await startControlPlane({ controllers: false });
  const stage = {
    cluster,
    signal,
    ...(program === undefined ? {} : { program }),
  };
  for (const measure of parts) figures.push(...await measure(stage));
}
printTable(figures);
