import assert from "node:assert/strict";
import { TaskGroup } from "../async/task_group.ts";
import type { Container, Pod } from "../k8s/types.ts";
import { LinkedRuntime } from "./test_link.ts";
import { testEngine } from "./test_engine.ts";

const restartPolicyRules = [{
  action: "RestartAllContainers",
  exitCodes: { operator: "In", values: [42] },
}];
const pod: Pod = {
  metadata: { uid: "u1", namespace: "default", name: "busy" },
  spec: {
    restartPolicy: "Never",
    containers: [
      {
        name: "first",
        image: "x:1",
        args: ["ask"],
        restartPolicy: "Never",
        restartPolicyRules,
      } as Container,
      // It starts when the one before has ended.
      { name: "second", image: "x:1" },
    ],
  },
};

Deno.test("PodEngine starts all containers anew, those too that started after the one that asked for it", async () => {
  const signal = AbortSignal.timeout(10_000);
  let asks = 1;
  await using runtime = new LinkedRuntime({
    run: ({ args, kill }) => {
      if (args.length > 0 && asks-- > 0) return Promise.resolve(42);
      return new Promise((resolve) =>
        kill.addEventListener("abort", () => resolve(137))
      );
    },
  });
  const engine = testEngine(runtime);
  await using group = new TaskGroup(new AbortController().signal);
  group.spawn((signal) => engine.run({ signal }));
  await engine.createPod(pod, { signal });
  for (;;) {
    signal.throwIfAborted();
    const status = await engine.getPodStatus("u1", { signal });
    const restarts = status?.containerStatuses?.map(({ state, restartCount }) =>
      state?.running && restartCount
    );
    if (restarts?.every((count) => count === 1)) break;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert.deepEqual(runtime.calls, [
    "createSandbox",
    "start first#0",
    "start second#0",
    "stop second 0s",
    "start first#1",
    "start second#1",
  ]);
});
