/**
 * Makes one file that needs nothing beside it: bundles main.ts, so that only what is used is in
 * it and only what a command needs is loaded, and compiles the bundle.
 *
 *     deno task compile [--target TRIPLE] [--output FILE]
 */
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";

const root = dirname(import.meta.dirname ?? ".");

/**
 * Flags of V8 that are baked into the binary, and stand in the tasks of deno.json: streams leave
 * buffers behind, and V8 would let 120 MB of them gather instead of 40.
 */
const v8Flags: readonly string[] = ["--max-semi-space-size=2"];

const { values: { target, output } } = parseArgs({
  args: Deno.args,
  options: {
    target: { type: "string" },
    output: { type: "string", default: join(root, "dist", "farlet") },
  },
});
const bundle = join(root, "dist", "bundle");
await Deno.remove(bundle, { recursive: true }).catch(ignoreNotFound);
await deno(
  "bundle",
  "--quiet",
  "--platform=deno",
  "--code-splitting",
  // Not --minify: it puts `using x = open(); return x.read()` into one expression, and nobody
  // closes x any more (Deno 2.8 and 2.9).
  // ssh2 does without them: Deno cannot load its native code (NAN).
  "--external=*.node",
  "--external=cpu-features",
  `--outdir=${bundle}`,
  "main.ts",
);
await defineDirname(bundle);
await deno(
  "compile",
  "--quiet",
  "--allow-all",
  "--no-check",
  "--no-config",
  ...(v8Flags.length > 0 ? [`--v8-flags=${v8Flags.join(",")}`] : []),
  ...(target === undefined ? [] : [`--target=${target}`]),
  `--output=${output}`,
  join(bundle, "main.js"),
);

/** Runs this same Deno and ends this process if that fails. */
async function deno(...args: readonly string[]): Promise<void> {
  const command = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: root,
    stdin: "null",
  });
  const { code } = await command.spawn().status;
  if (code !== 0) Deno.exit(code);
}

/** Gives those chunks of a bundle a `__dirname` that ask for one as modules of Node: ssh2 does. */
async function defineDirname(folder: string): Promise<void> {
  for await (const { name } of Deno.readDir(folder)) {
    const chunk = join(folder, name);
    const text = await Deno.readTextFile(chunk);
    if (!/\b__dirname\b/.test(text)) continue;
    await Deno.writeTextFile(
      chunk,
      `const __dirname=import.meta.dirname;${text}`,
    );
  }
}

function ignoreNotFound(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
