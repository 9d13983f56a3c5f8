import { makeCage } from "./guest_cage.ts";
import { guestModule } from "./run_guest.ts";
import { testWasmtime } from "./test_program.ts";

/** Guests that say the same under every host, with arguments for that, and what they show. */
export const comparedGuests = [
  {
    module: "attacks",
    // Not `special`: wasmtime opens a FIFO and waits for ever.
    args: ["paths", "made", "slashes", "names", "opened", "deleting"],
    claim: "is kept inside of its directory",
  },
  {
    module: "preview1",
    args: [],
    claim: "gets the answers of each function of preview 1",
  },
  {
    module: "old_snapshot",
    args: [],
    claim: "of the snapshot before preview 1 gets its answers",
  },
];

/** What wasmtime is known to have said, made by `deno run -A tests/wasmtime_output.ts`. */
export function outputFile(module: string): URL {
  return new URL(`testdata/wasmtime/${module}.txt`, import.meta.url);
}

/** What a guest says under wasmtime, in a directory as `makeCage` makes it. */
export async function wasmtimeOutput(
  program: string,
  module: string,
  args: readonly string[],
): Promise<string> {
  await using cage = await makeCage();
  const command = new Deno.Command(program, {
    args: ["run", "--dir", `${cage.root}::/`, guestModule(module), ...args],
    stdin: "null",
    stderr: "inherit",
  });
  const { stdout } = await command.output();
  return new TextDecoder().decode(stdout);
}

if (import.meta.main) {
  const program = testWasmtime();
  if (program === undefined) throw new Error("Cannot find a wasmtime");
  for (const { module, args } of comparedGuests) {
    const output = await wasmtimeOutput(program, module, args);
    await Deno.writeTextFile(outputFile(module), output);
  }
}
