import { parseArgs } from "node:util";
import { printTable } from "./figures.ts";
import { benchLogs } from "./log_bench.ts";
import { benchNode } from "./node_bench.ts";
import { benchHosts, benchSsh } from "./ssh_bench.ts";
import { benchStreaming } from "./streaming_bench.ts";
import { benchWasm } from "./wasm_bench.ts";
import { startControlPlane } from "../controlplane.ts";

/**
 * `deno task bench [--program COMMAND] [--pods N] [PART...]`: measures farlet on a real API server
 * on this machine. COMMAND is what runs farlet, such as `dist/farlet`; the sources unless given.
 * Parts are node, wasm, streaming, logs, ssh and hosts; all of them unless named. What else the machine does
 * meanwhile is in the figures.
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
await using cluster = await startControlPlane({ controllers: false });
const stage = {
  cluster,
  signal,
  ...(program === undefined ? {} : { program }),
};
const parts = {
  node: () => benchNode(stage, { pods: Number(values.pods) }),
  wasm: () => benchWasm(stage),
  streaming: () => benchStreaming(stage),
  logs: () => benchLogs(),
  ssh: () => benchSsh(stage),
  hosts: () => benchHosts(stage),
};
const unknown = positionals.filter((name) => !Object.hasOwn(parts, name));
if (unknown.length > 0) throw new Error(`Unknown parts: ${unknown.join(", ")}`);
const figures = [];
for (const [name, measure] of Object.entries(parts)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  figures.push(...await measure());
}
printTable(figures);
