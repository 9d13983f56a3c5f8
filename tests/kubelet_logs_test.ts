import assert from "node:assert/strict";
import {
  type KubeletStage,
  kubeletStageMissing,
  startKubeletStage,
} from "./kubelet_stage.ts";
import { needing } from "./needing.ts";

Deno.test({
  ...needing(kubeletStageMissing(), "kubectl logs, through a real API server"),
  fn: async (t) => {
    await using node = await startKubeletStage();
    await t.step(
      "it gives the lines that are asked for",
      () => kubectlLogs(node),
    );
    await t.step("--follow is over when kubectl is", () => following(node));
  },
});

async function kubectlLogs(node: KubeletStage): Promise<void> {
  const logs = (...args: string[]) => node.cluster.kubectl(["logs", ...args]);
  assert.equal(await logs("web"), "one\nof uid-of-web\n");
  assert.equal(await logs("web", "--tail=1"), "of uid-of-web\n");
  assert.equal(await logs("web", "--tail=0"), "");
  await assert.rejects(
    logs("new"),
    /BadRequest.*container "app" in pod "new" is waiting to start: ContainerCreating/,
  );
  await assert.rejects(
    logs("web", "--previous"),
    /BadRequest.*previous terminated container "app" in pod "web" not found/,
  );
}

async function following(node: KubeletStage): Promise<void> {
  const following = node.cluster.kubectl([
    ...["logs", "web", "--follow"],
    "--request-timeout=2s",
  ]);
  await until("followed", () => node.server.connections > 0);
  assert.match(await following.catch(String), /more|deadline|timeout/i);
  await until("gone", () => node.server.connections === 0);
}

/** Waits for a condition, at most 10 s. */
async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `not ${what} within 10 s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
