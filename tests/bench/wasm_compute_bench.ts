import { fileURLToPath } from "node:url";
import { ownProcess } from "../../async/own_process.ts";
import { testWasmtime } from "../test_program.ts";
import type { Figure } from "./figures.ts";

const programs = ["fib", "sha256", "bodies"];
const rounds = 3;

/** Programs that only compute, in farlet's runner and in wasmtime by turns: the best time of each. */
export async function benchWasmCompute(
  { program }: { readonly program?: readonly string[] } = {},
): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const name of programs) {
    const path = fileURLToPath(new URL(`guests/${name}.wasm`, import.meta.url));
    const own: number[] = [];
    const peer: number[] = [];
    const wasmtime = testWasmtime();
    for (let round = 0; round < rounds; round++) {
      own.push(await timeInRunner(path, program));
      if (wasmtime !== undefined) peer.push(await time([wasmtime, path]));
    }
    const [ownMs, peerMs] = [Math.min(...own), Math.min(...peer)];
    figures.push({
      what: `steady compute: ${name}`,
      measured: wasmtime === undefined
        ? `${ownMs} ms (no wasmtime: set FARLET_TEST_WASMTIME)`
        : `${
          (peerMs / ownMs).toFixed(2)
        } × wasmtime (${ownMs} ms, ${peerMs} ms)`,
      wanted: "at least 0.8 × wasmtime",
    });
  }
  return figures;
}

async function timeInRunner(
  module: string,
  program: readonly string[] | undefined,
): Promise<number> {
  const spec = {
    module,
    args: ["program"],
    env: {},
    preopens: [],
    stdin: false,
    parentPid: Deno.pid,
  };
  const runner = new URL("../../providers/wasm/runner.ts", import.meta.url);
  const argument = "__wasm-runner";
  const command = program === undefined
    ? ownProcess({ module: runner, argument })
    : [...program, argument];
  return await time(command, `${JSON.stringify(spec)}\n`);
}

/** Runs a program that prints how many milliseconds it took. */
async function time(
  [program = "", ...args]: readonly string[],
  input = "",
): Promise<number> {
  const child = new Deno.Command(program, {
    args,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const stdin = child.stdin.getWriter();
  await stdin.write(new TextEncoder().encode(input));
  // The end of its input would tell a runner that nobody is there any more.
  const text = await new Response(child.stdout).text();
  await stdin.close().catch(() => undefined); // It has ended.
  const { success } = await child.status;
  if (!success) throw new Error(`${program} failed`);
  return Number(text);
}
