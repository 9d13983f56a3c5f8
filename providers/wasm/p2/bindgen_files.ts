/** The version of the package that the bindings are generated with, as in deno.json. */
export const bindgenVersion = "0.10.0";

/** Where the parts of the generator are: URLs of files. */
export interface BindgenFiles {
  readonly script: string;
  readonly core: string;
  readonly core2: string;
}

/** Finds the generator, and downloads it to Deno's cache where the sources are run the first time. */
export async function findBindgen(): Promise<BindgenFiles> {
  const files = bindgenFiles();
  if (await exists(files.script)) return files;
  const name = `npm:@bytecodealliance/jco-transpile@${bindgenVersion}`;
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["cache", "--quiet", "--no-lock", name],
    stdin: "null",
  }).output();
  if (code === 0 && await exists(files.script)) return files;
  const why = new TextDecoder().decode(stderr).trim();
  throw new Error(`Cannot download ${name}: ${why}`);
}

/**
 * The generator of the package jco-transpile: beside a bundle, where `deno task compile` puts it
 * under names that Deno takes for data; from the sources in Deno's cache of packages.
 */
function bindgenFiles(): BindgenFiles {
  if (!import.meta.url.endsWith(".ts")) {
    const place = (name: string) =>
      new URL(`./bindgen/${name}`, import.meta.url).href;
    return {
      script: place("script.bin"),
      core: place("core.bin"),
      core2: place("core2.bin"),
    };
  }
  const entry = import.meta.resolve(
    "@bytecodealliance/jco-transpile/component",
  );
  // What is not in the cache yet resolves to its place in there, but to no file.
  const version = `/${bindgenVersion}/`;
  const root = entry.slice(0, entry.indexOf(version) + version.length);
  const stem = `${root}vendor/js-component-bindgen-component`;
  return {
    script: `${stem}.js`,
    core: `${stem}.core.wasm`,
    core2: `${stem}.core2.wasm`,
  };
}

async function exists(url: string): Promise<boolean> {
  try {
    await Deno.stat(new URL(url));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
