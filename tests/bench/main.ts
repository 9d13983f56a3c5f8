import { parseArgs } from "node:util";
import { printTable } from "./figures.ts";
import { benchNode } from "./node_bench.ts";
import { benchWasm } from "./wasm_bench.ts";
import { startControlPlane } from "../controlplane.ts";

/**
 * `deno task bench [--program COMMAND] [--pods N]`: measures farlet on a real API server on this
 * machine. COMMAND is what runs farlet, such as `dist/farlet`; the sources unless given. What else
 * the machine does meanwhile is in the figures.
 */
const { values } = parseArgs({
  args: Deno.args,
  options: {
    program: { type: "string" },
    pods: { type: "string", default: "1000" },
  },
});
const program = values.program?.split(" ");
const signal = AbortSignal.timeout(15 * 60_000);
await using cluster = await startControlPlane({ controllers: false });
const stage = {
  cluster,
  signal,
  ...(program === undefined ? {} : { program }),
};
printTable([
  ...await benchNode(stage, { pods: Number(values.pods) }),
  ...await benchWasm(stage),
]);
