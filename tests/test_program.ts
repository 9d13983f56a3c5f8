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

/** Says that a program is not on the PATH; FARLET_TEST_REQUIRE=all makes that a failure. */
export function missingProgram(name: string): string | undefined {
  if (findProgram(name) !== undefined) return undefined;
  const missing = `no ${name}`;
  if (Deno.env.get("FARLET_TEST_REQUIRE") !== "all") return missing;
  throw new Error(`FARLET_TEST_REQUIRE=all: ${missing}`);
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
