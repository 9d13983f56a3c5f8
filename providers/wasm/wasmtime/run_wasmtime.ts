/** Runs wasmtime for something that is no guest, and gives what it printed. */
export async function runWasmtime(
  program: string,
  args: readonly string[],
): Promise<string> {
  const signal = AbortSignal.timeout(patience);
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    clearEnv: true,
    stdin: "null",
    signal,
  }).output();
  if (success) return new TextDecoder().decode(stdout);
  if (signal.aborted) {
    throw new Error(`wasmtime was not done within ${patience / 1000} s`);
  }
  const [first = ""] = new TextDecoder().decode(stderr).trim().split("\n\n");
  throw new Error(first.replaceAll("\n", " "));
}

/** Enough to compile what is very large; what never ends must not keep others from starting. */
const patience = 300_000;
