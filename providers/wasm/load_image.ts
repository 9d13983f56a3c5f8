import { join } from "node:path";
import type { AbortOptions } from "../../async/abort.ts";
import { messageOf } from "../../async/message_of.ts";
import { RuntimeError } from "../errors.ts";
import { ImageArchive } from "./registry/image_archive.ts";
import { importImage } from "./image_import.ts";
import {
  loadableName,
  type ModuleStore,
  type StoredModule,
} from "./modules.ts";
import { checkProgram } from "./program_check.ts";
import { RegistryError } from "./registry/registry_error.ts";

/** Options for {@linkcode loadImage}. */
export interface LoadOptions extends AbortOptions {
  readonly store: ModuleStore;
  /** What the image is called; archives may name theirs themselves. */
  readonly name?: string;
  /** What the file is called in messages. */
  readonly source: string;
}

/**
 * Puts a program, or the images of an archive (an OCI layout, or what `docker save` writes), into
 * the store.
 *
 * @throws {RuntimeError} `InvalidImageName`, or `ErrImagePull` for a file that cannot be used.
 */
export async function loadImage(
  file: string,
  { store, name, source, signal }: LoadOptions,
): Promise<readonly StoredModule[]> {
  if (await isProgram(file)) {
    const check = checkProgram(await Deno.readFile(file));
    if (check.kind === "invalid") throw unusable(source, check.message);
    if (name === undefined) {
      throw unusable(source, "it has no name of its own: give it one");
    }
    return [await store.load(name, file, { signal })];
  }
  try {
    await using scratch = await store.content.scratch();
    const root = join(scratch.path, "archive");
    await Deno.mkdir(root);
    const archive = await ImageArchive.unpack(file, root, { signal });
    const loaded: StoredModule[] = [];
    for (const { reference, names } of named(archive, name)) {
      const { content } = await importImage(reference, {
        source: archive,
        store: store.content,
        signal,
      });
      for (const each of names) {
        loaded.push(await store.put(loadableName(each), content));
      }
    }
    return loaded;
  } catch (error) {
    signal.throwIfAborted();
    const known = error instanceof TypeError || error instanceof RegistryError;
    if (!known) throw error;
    throw unusable(source, messageOf(error), error);
  }
}

/** The images under their names, or the only one under the name that it is given. */
function named(
  { images }: ImageArchive,
  name: string | undefined,
): ImageArchive["images"] {
  if (images.length === 0) throw new TypeError("it has no images");
  const nameless = images.find(({ names }) => names.length === 0);
  if (name === undefined && nameless !== undefined) {
    const { reference } = nameless;
    throw new TypeError(`it does not name its image ${reference}: give a name`);
  }
  if (name === undefined) return images;
  const [image, ...others] = images;
  if (image !== undefined && others.length === 0) {
    return [{ ...image, names: [name] }];
  }
  throw new TypeError(
    `it has ${images.length} images, which one name cannot name`,
  );
}

function unusable(source: string, why: string, cause?: unknown): RuntimeError {
  return new RuntimeError("ErrImagePull", `Cannot use "${source}": ${why}`, {
    cause,
  });
}

async function isProgram(file: string): Promise<boolean> {
  using opened = await Deno.open(file);
  const magic = new Uint8Array(4);
  await opened.read(magic);
  return magic.toHex() === "0061736d";
}
