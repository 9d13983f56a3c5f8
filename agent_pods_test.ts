import assert from "node:assert/strict";
import { nodePods, type NodePodsContext } from "./agent_pods.ts";
import { ConfigError } from "./async/config_error.ts";
import { FileObjects } from "./pods/file_objects.ts";
import { shutdownGroups } from "./pods/shutdown_steps.ts";
import { createMemoryProvider } from "./providers/memory/provider.ts";
import type { Provider } from "./providers/provider.ts";

function context(graceMs: number): NodePodsContext {
  return {
    objects: new FileObjects({ configMaps: [], secrets: [] }),
    events: { record: () => {} },
    node: () => ({ ips: [], allocatable: {} }),
    nodeReference: () => ({ kind: "Node", name: "edge" }),
    shutdown: { groups: shutdownGroups(graceMs, 0) },
  };
}

Deno.test("nodePods() refuses a time for the shutdown where the provider cannot tell of one", async () => {
  await using provider: Provider = createMemoryProvider({});
  assert.throws(() => nodePods(provider, context(1_000)), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.match(
      error.message,
      /node "edge".*provider memory does not tell of shutdowns/,
    );
    return true;
  });
  assert.equal(nodePods(provider, context(0)).shutdown, undefined);
});

Deno.test("nodePods() watches the shutdown of a machine whose pods get a time", async () => {
  await using memory = createMemoryProvider({});
  const provider: Provider = {
    ...memory,
    async *watchShutdown() {},
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const { shutdown } = nodePods(provider, context(1_000));
  assert.equal(shutdown?.isShuttingDown, false);
});
