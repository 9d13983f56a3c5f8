import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { BindgenFiles } from "./bindgen_files.ts";
import { readComponent } from "./component_outline.ts";

/** What a child is to do, as the first line of its standard input. */
export interface TranspileTask {
  readonly kind: "transpile";
  /** Path of the component. */
  readonly component: string;
  /** A directory that is there and empty. */
  readonly directory: string;
  readonly bindgen: BindgenFiles;
}

/** What bindings import besides the component's own imports: `promising`. */
export const entryInterface = "farlet:entry";

/** The module that instantiates a component, in its directory. */
export const bindingsFile = "component.js";

/**
 * Writes a component as JavaScript and core modules. It takes some 250 MB of memory, so that it
 * belongs into a process of its own.
 */
export async function transpile(
  { component, directory, bindgen }: TranspileTask,
): Promise<void> {
  const bytes = await Deno.readFile(component);
  const { generate } = await loadGenerator(bindgen, directory);
  const { files } = generate(bytes, options(readComponent(bytes).imports));
  for (const [name, content] of files) {
    const ours = name === bindingsFile ? withOwnEntry(content) : content;
    await Deno.writeFile(join(directory, name), ours, { mode: 0o600 });
  }
}

/**
 * Has us call the exports of core modules, as the bindings let a trap of one go unheard, and spares
 * them a look at the environment with every call, which the runner may not even do.
 */
function withOwnEntry(bindings: Uint8Array): Uint8Array {
  const text = new TextDecoder().decode(bindings);
  const own = `imports['${entryInterface}'].promising(`;
  return new TextEncoder().encode(
    text.replaceAll("WebAssembly.promising(", own)
      .replaceAll("globalThis?.process?.env?.JCO_DEBUG", "false"),
  );
}

interface Generator {
  readonly $init: Promise<void>;
  readonly generate: (
    component: Uint8Array,
    options: unknown,
  ) => { readonly files: readonly (readonly [string, Uint8Array])[] };
}

/** The generator is a component itself, and what it imports must not be looked for in packages. */
async function loadGenerator(
  { script, core, core2 }: BindgenFiles,
  directory: string,
): Promise<Generator> {
  const source = await Deno.readTextFile(new URL(script));
  const scratch = await Deno.makeTempDir({ dir: directory });
  try {
    const place = (name: string) => join(scratch, name);
    await Deno.writeFile(place("core"), await Deno.readFile(new URL(core)));
    await Deno.writeFile(place("core2"), await Deno.readFile(new URL(core2)));
    await Deno.writeTextFile(place("world.js"), world);
    await Deno.writeTextFile(
      place("generator.js"),
      source
        .replaceAll(/'@bytecodealliance\/preview2-shim\/\w+'/g, "'./world.js'")
        .replace("./js-component-bindgen-component.core.wasm", "./core")
        .replace("./js-component-bindgen-component.core2.wasm", "./core2"),
    );
    // A computed name, which no bundler takes for a part of this program.
    const url = pathToFileURL(place("generator.js")).href;
    const generator: Generator = await import(url);
    await generator.$init;
    return generator;
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

/** What the generator imports: a world with nothing in it. */
const world = `
function fail() { throw new Error("the generator has no world"); }
export const environment = { getEnvironment: () => [], getArguments: () => [] };
export const exit = { exit: fail };
class OutputStream { checkWrite() { return 65536n; } write() {} flush() {} blockingFlush() {} blockingWriteAndFlush() {} subscribe() { return fail(); } }
class InputStream { read() { return fail(); } }
export const stdin = { getStdin: () => new InputStream() };
export const stdout = { getStdout: () => new OutputStream() };
export const stderr = { getStderr: () => new OutputStream() };
class TerminalInput {} class TerminalOutput {}
export const terminalInput = { TerminalInput };
export const terminalOutput = { TerminalOutput };
export const terminalStdin = { getTerminalStdin: () => undefined };
export const terminalStdout = { getTerminalStdout: () => undefined };
export const terminalStderr = { getTerminalStderr: () => undefined };
class Descriptor {} class DirectoryEntryStream {}
export const preopens = { getDirectories: () => [] };
export const types = { Descriptor, DirectoryEntryStream, filesystemErrorCode: () => undefined };
class IoError {}
export const error = { Error: IoError };
export const streams = { InputStream, OutputStream };
export const random = {
  getRandomBytes: (n) => crypto.getRandomValues(new Uint8Array(Number(n))),
  getRandomU64: () => crypto.getRandomValues(new BigUint64Array(1))[0],
};
`;

/** The functions that may wait are those that suspend the guest. */
function options(imports: readonly string[]) {
  const waiting = imports.flatMap((name) => {
    if (name.startsWith("wasi:io/poll@")) {
      return [`${name}#poll`, `${name}#[method]pollable.block`];
    }
    if (!name.startsWith("wasi:io/streams@")) return [];
    return [
      "input-stream.blocking-read",
      "input-stream.blocking-skip",
      "output-stream.blocking-flush",
      "output-stream.blocking-splice",
      "output-stream.blocking-write-and-flush",
      "output-stream.blocking-write-zeroes-and-flush",
    ].map((method) => `${name}#[method]${method}`);
  });
  const versions = Array.from({ length: 100 }, (_, patch) => `0.2.${patch}`);
  const exports = versions.flatMap((version) => [
    `wasi:cli/run@${version}#run`,
    `wasi:http/incoming-handler@${version}#handle`,
  ]);
  return {
    name: bindingsFile.replace(/\.js$/, ""),
    noTypescript: true,
    noNodejsCompat: true,
    instantiation: { tag: "async" },
    importBindings: { tag: "js" },
    map: [],
    base64Cutoff: 0,
    asyncMode: { tag: "jspi", val: { imports: waiting, exports } },
  };
}
