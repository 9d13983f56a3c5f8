import { basename, join, sep } from "node:path";
import { RuntimeError } from "../errors.ts";
import type { ImageConfig } from "./registry/manifest.ts";

/** Where to find the bytes of an image. */
export type LocatedModule =
  & {
    readonly imageId: string;
    readonly sizeBytes: number;
    /** What a guest sees as its own name: the module's base name, without a tag. */
    readonly programName: string;
  }
  & (
    | { readonly kind: "module"; readonly path: string }
    /** An ordinary image: which of its files is the program, its configuration says, or the pod. */
    | {
      readonly kind: "files";
      /** The directory with its files, which guests see as their root. */
      readonly root: string;
      readonly config: ImageConfig;
    }
  );

/** What a container of an image runs, and what the image gives it. */
export interface Program {
  readonly imageId: string;
  /** The module. */
  readonly path: string;
  /** Its arguments, with its own name first. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The export to call instead of the one that makes it a program; see `splitEntry`. */
  readonly entry?: string;
  readonly workingDir?: string;
  /** The directory that the guest sees as its root, read-only. */
  readonly root?: string;
}

/**
 * The program of a container, as `command` and `args` of its pod and the image say.
 *
 * @throws {RuntimeError} `CreateContainerError` where an image has no such program.
 */
export async function programOf(
  module: LocatedModule,
  { image, command, args }: {
    readonly image: string;
    readonly command?: readonly string[];
    readonly args?: readonly string[];
  },
): Promise<Program> {
  const { imageId, programName } = module;
  if (module.kind === "module") {
    const named = command === undefined && namesEntry(args, programName);
    const given = [...command ?? (named ? [] : [programName]), ...args ?? []];
    const { words, ...entry } = splitEntry(given);
    return { imageId, path: module.path, args: words, env: {}, ...entry };
  }
  const { root, config: { entrypoint, cmd, env, workingDir } } = module;
  const own = command === undefined && args === undefined ? cmd : [];
  const { words, ...entry } = splitEntry([
    ...command ?? entrypoint,
    ...args ?? own,
  ]);
  const [name] = words.length > 0 ? words : [await onlyModule(root)];
  if (name === undefined) {
    throw new RuntimeError(
      "CreateContainerError",
      `Cannot use image "${image}": no command specified, and not exactly one .wasm file at its root`,
    );
  }
  const path = await findFile(root, workingDir, name);
  if (path === undefined) {
    throw new RuntimeError(
      "CreateContainerError",
      `Cannot use image "${image}": exec: "${name}": no such file in the image`,
    );
  }
  return {
    imageId,
    path,
    args: words.length > 0 ? words : [name],
    env,
    ...entry,
    root,
    ...(workingDir === undefined ? {} : { workingDir }),
  };
}

/**
 * Takes `#EXPORT` off the name of a program, `app.wasm#EXPORT`: a name without it is of a program
 * that its usual export starts.
 */
function splitEntry(
  [name, ...args]: readonly string[],
): { readonly words: readonly string[]; readonly entry?: string } {
  if (name === undefined) return { words: [] };
  const at = name.indexOf("#");
  return at < 0
    ? { words: [name, ...args] }
    : { words: [name.slice(0, at), ...args], entry: name.slice(at + 1) };
}

/** Whether the first argument is the program's own name, with an export: else it is a guest's. */
function namesEntry(
  [first = ""]: readonly string[] = [],
  programName: string,
): boolean {
  const [name = ""] = first.split("#");
  return first.includes("#") && basename(name) === programName;
}

/** The module of an image that does not say what it starts, if it has but one at its root. */
async function onlyModule(root: string): Promise<string | undefined> {
  const names: string[] = [];
  for await (const { name, isFile } of Deno.readDir(root)) {
    if (isFile && name.endsWith(".wasm")) names.push(name);
  }
  return names.length === 1 ? `/${names[0]}` : undefined;
}

/** A regular file of the image; links are followed as long as they stay in it. */
async function findFile(
  root: string,
  workingDir: string | undefined,
  name: string,
): Promise<string | undefined> {
  const whole = await Deno.realPath(root);
  const places = name.startsWith("/") ? ["/"] : [workingDir ?? "/", "/"];
  for (const place of places) {
    try {
      const path = await Deno.realPath(join(whole, place, name));
      if (!path.startsWith(whole + sep)) continue;
      if ((await Deno.stat(path)).isFile) return path;
    } catch (error) {
      const isAbsent = error instanceof Deno.errors.NotFound ||
        error instanceof Deno.errors.NotADirectory;
      if (!isAbsent) throw error;
    }
  }
  return undefined;
}
