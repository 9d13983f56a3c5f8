/** Runs wasmtime for something that is no guest, and gives what it printed. */
export async function runWasmtime(
  program: string,
  args: readonly string[],
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    clearEnv: true,
    stdin: "null",
  }).output();
  if (success) return new TextDecoder().decode(stdout);
  const [first = ""] = new TextDecoder().decode(stderr).trim().split("\n\n");
  throw new Error(first.replaceAll("\n", " "));
}
