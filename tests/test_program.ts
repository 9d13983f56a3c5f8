import { delimiter, join } from "node:path";

/**
 * The path of the wasmtime to test and to compare with: FARLET_TEST_WASMTIME, or else the one on the
 * PATH; undefined if there is none.
 */
export function testWasmtime(): string | undefined {
  return Deno.env.get("FARLET_TEST_WASMTIME") ?? findProgram("wasmtime");
}

/** The Go compiler: FARLET_TEST_GO, or else the one on the PATH or where Go's archives install it. */
export function testGo(): string | undefined {
  return Deno.env.get("FARLET_TEST_GO") ??
    findProgram("go", "/usr/local/go/bin");
}

function findProgram(
  name: string,
  ...alsoIn: readonly string[]
): string | undefined {
  return [...(Deno.env.get("PATH") ?? "").split(delimiter), ...alsoIn]
    .map((directory) => join(directory, name))
    .find(isFile);
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false; // Nothing there, or nothing that we may look at.
  }
}
