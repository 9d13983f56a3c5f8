import assert from "node:assert/strict";
import { loadConfig } from "./config.ts";
import { configHeader } from "./config_schema.ts";

Deno.test("loadConfig() takes insecure registries by their names, and nothing else for one", async () => {
  const registries = async (insecureRegistries: readonly string[]) => {
    const nodes = [{ name: "a", wasm: { insecureRegistries } }];
    const document = { ...configHeader, nodes };
    const config = await loadConfig({ document, flags: new Map(), env: {} });
    return config.nodes[0].wasm.insecureRegistries;
  };
  const names = ["lan", "r.lan:5000", "[::1]:5000"];
  assert.deepEqual(await registries(names), names);
  await assert.rejects(
    registries(["http://r.lan"]),
    /expected a registry such as registry.lan:5000, not "http:\/\/r.lan"/,
  );
});
