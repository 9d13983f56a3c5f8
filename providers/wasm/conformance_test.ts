import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { testProvider } from "../../tests/provider_conformance.ts";
import { createWasmProvider } from "./provider.ts";

const guests = fileURLToPath(new URL("../../tests/guests", import.meta.url));

testProvider("wasm provider", async () => {
  const dir = await Deno.makeTempDir();
  const provider = await createWasmProvider({
    stateDir: join(dir, "state"),
    allowLocalModules: [guests],
    version: "0.0.0",
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
});
