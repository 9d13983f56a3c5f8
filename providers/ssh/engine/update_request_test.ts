import assert from "node:assert/strict";
import type { EngineRequest } from "./engine_api.ts";
import { updateContainer } from "./update_request.ts";

const table = [
  [
    "docker",
    "/containers/c1/update",
    { Memory: 9, MemorySwap: 9, CpuShares: 2 },
  ],
  [
    "podman",
    "/libpod/containers/c1/update",
    { memory: { limit: 9, swap: 9 }, cpu: { shares: 2 } },
  ],
] as const;
for (const [kind, path, body] of table) {
  Deno.test(`updateContainer() asks ${kind} in its own words, for what changes only`, async () => {
    const asked: EngineRequest[] = [];
    const api = {
      do(request: EngineRequest) {
        asked.push(request);
        return Promise.resolve({ headers: new Headers(), text: "" });
      },
    };
    const { signal } = new AbortController();
    await updateContainer(api, { kind }, "c1", {
      memory: 9,
      cpuShares: 2,
      signal,
    });
    const [request] = asked;
    assert.equal(request?.path, path);
    assert.deepEqual(JSON.parse(JSON.stringify(request?.json)), body);
  });
}
