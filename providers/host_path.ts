import { dirname } from "node:path";
import { RuntimeError } from "./errors.ts";

/**
 * Checks, and for the `…OrCreate` types makes, what a hostPath volume names on this machine.
 *
 * A `RuntimeError` says in the kubelet's words what is wrong. The empty type makes a missing
 * directory, as container runtimes do.
 */
export async function checkHostPath(
  { path, type }: { readonly path: string; readonly type: string },
): Promise<void> {
  const found = await stat(path);
  switch (type) {
    case "":
      if (found === undefined) await makeDirectory(path);
      return;
    case "DirectoryOrCreate":
      if (found === undefined) return await makeDirectory(path);
      return expect(found.isDirectory, path, "a directory");
    case "Directory":
      return expect(found?.isDirectory, path, "a directory");
    case "FileOrCreate":
      if (found === undefined) return await makeFile(path);
      return expect(found.isFile, path, "a file");
    case "File":
      return expect(found?.isFile, path, "a file");
    case "Socket":
      return expect(found?.isSocket ?? undefined, path, "a socket file");
    case "CharDevice":
      return expect(
        found?.isCharDevice ?? undefined,
        path,
        "a character device",
      );
    case "BlockDevice":
      return expect(found?.isBlockDevice ?? undefined, path, "a block device");
    default:
      throw failure(`${type} is an invalid volume type`);
  }
}

function expect(is: boolean | undefined, path: string, what: string): void {
  if (is !== true) throw failure(`${path} is not ${what}`);
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw failure(`cannot make directory ${path}`, error);
  }
}

/** The parent directory must be there, as for the kubelet. */
async function makeFile(path: string): Promise<void> {
  try {
    const file = await Deno.open(path, {
      write: true,
      create: true,
      mode: 0o644,
    });
    file.close();
  } catch (error) {
    throw failure(`cannot make file ${path} in ${dirname(path)}`, error);
  }
}

async function stat(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw failure(`cannot look at ${path}`, error);
  }
}

/** A volume that fails keeps its containers from being created, for as long as it fails. */
function failure(problem: string, cause?: unknown): RuntimeError {
  const message = `hostPath type check failed: ${problem}`;
  return new RuntimeError("ContainerCreating", message, { cause });
}
