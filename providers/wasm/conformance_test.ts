import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { testProvider } from "../../tests/provider_conformance.ts";
import { testWasmtime } from "../../tests/test_program.ts";
import { createWasmProvider } from "./provider.ts";

const guests = fileURLToPath(new URL("../../tests/guests", import.meta.url));

testProvider("wasm provider", () => setup());

const wasmtime = testWasmtime();
if (wasmtime === undefined) {
  Deno.test({
    name: "wasm provider with wasmtime (no wasmtime: set FARLET_TEST_WASMTIME)",
    ignore: true,
    fn() {},
  });
} else {
  testProvider("wasm provider with wasmtime", () => setup(wasmtime));
}

async function setup(wasmtime?: string) {
  const dir = await Deno.makeTempDir();
  const provider = await createWasmProvider({
    stateDir: join(dir, "state"),
    allowLocalModules: [guests],
    version: "0.0.0",
    ...(wasmtime === undefined ? {} : { wasmtime }),
  });
  return {
    provider,
    image: `file://${guests}/guest.wasm`,
    command: ["guest"],
    inputVerb: "stdin",
    async [Symbol.asyncDispose]() {
      await provider[Symbol.asyncDispose]();
      await Deno.remove(dir, { recursive: true });
    },
  };
}
