/**
 * Makes one file that needs nothing beside it: bundles main.ts, so that only what is used is in
 * it and only what a command needs is loaded, and compiles the bundle.
 *
 *     deno task compile [--target TRIPLE] [--output FILE]
 */
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { findBindgen } from "../providers/wasm/p2/bindgen_files.ts";

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
  "--minify",
  // ssh2 does without them: Deno cannot load its native code (NAN).
  "--external=*.node",
  "--external=cpu-features",
  `--outdir=${bundle}`,
  "main.ts",
);
await defineDirname(bundle);
await addBindgen(join(bundle, "bindgen"));
await deno(
  "compile",
  "--quiet",
  "--allow-all",
  "--no-check",
  "--no-config",
  ...(v8Flags.length > 0 ? [`--v8-flags=${v8Flags.join(",")}`] : []),
  ...(target === undefined ? [] : [`--target=${target}`]),
  `--include=${join(bundle, "bindgen")}`,
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

/** Puts what makes components ready to run beside the bundle, where bindgen_files.ts looks for it. */
async function addBindgen(folder: string): Promise<void> {
  const files = await findBindgen();
  await Deno.mkdir(folder);
  for (const [name, url] of Object.entries(files)) {
    // Not under its own name: Deno would take a .wasm file for a module, with imports to resolve.
    await Deno.copyFile(new URL(url), join(folder, `${name}.bin`));
  }
}

function ignoreNotFound(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
