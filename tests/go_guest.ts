import { fileURLToPath } from "node:url";
import { testGo } from "./test_program.ts";

/** A module that was built; disposing removes it. */
export interface BuiltGuest extends AsyncDisposable {
  readonly module: string;
}

/** Builds a program of `tests/guests/go`, which takes a minute the first time; undefined without Go. */
export async function buildGoGuest(
  name: string,
): Promise<BuiltGuest | undefined> {
  const go = testGo();
  if (go === undefined) return undefined;
  const dir = await Deno.makeTempDir({ prefix: "farlet-go-" });
  const module = `${dir}/${name}.wasm`;
  const command = new Deno.Command(go, {
    args: ["build", "-ldflags=-s -w", "-o", module, `./${name}`],
    cwd: fileURLToPath(new URL("guests/go", import.meta.url)),
    env: { GOOS: "wasip1", GOARCH: "wasm", GOFLAGS: "-mod=mod" },
    stderr: "inherit",
  });
  const { success } = await command.output();
  if (!success) throw new Error(`Cannot build the Go guest "${name}"`);
  return {
    module,
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}
