/**
 * The memory of a process and of its children, in MiB: what is shared counts in part for each
 * (PSS of proc(5)).
 */
export async function memoryMib(pid: number): Promise<{
  readonly agentMib: number;
  readonly childrenMib: number;
  readonly children: number;
}> {
  const pids = await childrenOf(pid);
  const sizes = await Promise.all(pids.map(proportionalMib));
  return {
    agentMib: await proportionalMib(pid),
    childrenMib: sizes.reduce((sum, size) => sum + size, 0),
    children: pids.length,
  };
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const pids: number[] = [];
  for await (const { name } of Deno.readDir(`/proc/${pid}/task`)) {
    const path = `/proc/${pid}/task/${name}/children`;
    const text = await Deno.readTextFile(path);
    pids.push(...text.split(" ").filter((word) => word !== "").map(Number));
  }
  return pids;
}

async function proportionalMib(pid: number): Promise<number> {
  const text = await Deno.readTextFile(`/proc/${pid}/smaps_rollup`);
  const [, kib = "0"] = /^Pss:\s+(\d+) kB$/m.exec(text) ?? [];
  return Number(kib) / 1024;
}
