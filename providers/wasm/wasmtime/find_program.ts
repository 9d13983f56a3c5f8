import { isAbsolute, join } from "node:path";

/** The path of a program: as it is if absolute, else as the first file of that name on the `PATH`. */
export async function findProgram(
  name: string,
  path: string | undefined,
): Promise<string> {
  if (isAbsolute(name)) return name;
  const directories = (path ?? "").split(":").filter(isAbsolute);
  for (const directory of directories) {
    try {
      const file = await Deno.realPath(join(directory, name));
      if ((await Deno.stat(file)).isFile) return file;
    } catch (error) {
      // As a shell: it may be elsewhere.
      if (!passedOver.some((kind) => error instanceof kind)) throw error;
    }
  }
  throw new Error("there is no such program on the PATH");
}

const passedOver = [
  Deno.errors.NotFound,
  Deno.errors.NotADirectory,
  Deno.errors.PermissionDenied,
];
