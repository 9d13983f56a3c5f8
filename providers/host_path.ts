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
  const expect = (type: string, what: string) => {
    const kind = found && kindOf(found);
    if (kind === type) return;
    throw kind === undefined
      ? failure(
        `hostPath type check failed, ${path} is not a ${what}, unable to determine its type: path "${path}" does not exist`,
      )
      : failure(
        `hostPath type check failed: ${path} is not a ${what}, it's a ${kind}`,
      );
  };
  switch (type) {
    case "":
      if (found === undefined) await makeDirectory(path);
      return;
    case "DirectoryOrCreate":
      if (found === undefined) return await makeDirectory(path);
      return expect("Directory", "directory");
    case "Directory":
      return expect("Directory", "directory");
    case "FileOrCreate":
      if (found === undefined) return await makeFile(path);
      return expect("File", "file");
    case "File":
      return expect("File", "file");
    case "Socket":
      return expect("Socket", "socket file");
    case "CharDevice":
      return expect("CharDevice", "character device");
    case "BlockDevice":
      return expect("BlockDevice", "block device");
    default:
      throw failure(`${type} is an invalid volume type`);
  }
}

/** What is there, by the names that a hostPath volume has for it. */
function kindOf(found: Deno.FileInfo): string {
  if (found.isDirectory) return "Directory";
  if (found.isFile) return "File";
  if (found.isSocket) return "Socket";
  if (found.isCharDevice) return "CharDevice";
  return found.isBlockDevice ? "BlockDevice" : "Fifo";
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
function failure(message: string, cause?: unknown): RuntimeError {
  return new RuntimeError("ContainerCreating", message, { cause });
}
