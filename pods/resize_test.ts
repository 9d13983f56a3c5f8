import assert from "node:assert/strict";
import type { Container, Pod } from "../k8s/types.ts";
import type { Resources } from "./pod_resources.ts";
import { desiredPod } from "./pod_spec.ts";
import {
  askedAllocation,
  publishedAllocation,
  resizeSteps,
  sameAllocation,
  withAllocation,
} from "./resize.ts";
import { container, ended, observed, pod, running } from "./test_plan.ts";

const small = resources("100m", "32Mi");
const big = resources("200m", "64Mi");

function resources(cpu: string, memory: string): Resources {
  return { requests: { cpu, memory }, limits: { cpu, memory } };
}

function app(has: Resources, more: Partial<Container> = {}): Pod {
  const resources = has as NonNullable<Container["resources"]>;
  return pod({
    containers: [{ name: "app", image: "a:1", resources, ...more }],
  });
}

function restarting(...names: string[]): Partial<Container> {
  return {
    resizePolicy: names.map((resourceName) => ({
      resourceName,
      restartPolicy: "RestartContainer",
    })),
  };
}

const table: readonly (readonly [string, Pod, Resources, string])[] = [
  ["that it has already", app(small), small, ""],
  ["written otherwise", app(resources("0.1", "32Mi")), small, ""],
  ["that are more", app(big), small, "update app"],
  ["that are less", app(small), big, "update app"],
  [
    "of CPU",
    app(resources("1", "32Mi"), restarting("memory")),
    small,
    "update app",
  ],
  [
    "of memory for which it restarts",
    app(big, restarting("memory")),
    small,
    "restart app",
  ],
  [
    "of memory that is only requested, for which it restarts",
    app(
      { ...small, requests: { cpu: "100m", memory: "1Mi" } },
      restarting("memory"),
    ),
    small,
    "restart app",
  ],
];
for (const [claim, pod, has, want] of table) {
  Deno.test(`resizeSteps() of a container that is granted resources ${claim}`, () => {
    const seen = observed(container("app", running));
    const steps = resizeSteps(desiredPod(pod), seen, new Map([["app", has]]));
    assert.equal(brief(steps), want);
  });
}

Deno.test("resizeSteps() has init containers and sidecars, and leaves alone what does not run", () => {
  const resources = big as NonNullable<Container["resources"]>;
  const one = { image: "a:1", resources };
  const spec = {
    initContainers: [
      { ...one, name: "init" },
      { ...one, name: "side", restartPolicy: "Always" },
    ],
    containers: [{ ...one, name: "app" }, { ...one, name: "done" }],
  };
  const seen = observed(
    container("init", running),
    container("side", running),
    container("done", ended(0)),
  );
  const has = new Map(["init", "side", "done"].map((name) => [name, small]));
  assert.equal(
    brief(resizeSteps(desiredPod(pod(spec)), seen, has)),
    "update init, update side",
  );
});

Deno.test("withAllocation() is the pod with what was granted, and itself where that is all", () => {
  const asked = app(big);
  assert.equal(withAllocation(asked, askedAllocation(asked)), asked);
  const granted = withAllocation(asked, askedAllocation(app(small)));
  assert.deepEqual(granted, app(small));
});

Deno.test("publishedAllocation() is what was granted before, not what is asked for since", () => {
  const status = (allocated: Resources, has: Resources) => ({
    name: "app",
    image: "",
    imageID: "",
    ready: true,
    restartCount: 0,
    allocatedResources: allocated.requests ?? {},
    resources: has as NonNullable<Container["resources"]>,
  });
  const deferred: Pod = {
    ...app(big),
    status: { containerStatuses: [status(small, small)] },
  };
  const before = publishedAllocation(deferred);
  assert.ok(sameAllocation(before, askedAllocation(app(small))));
  // What was granted and not given yet is not asked for once more.
  const halfWay: Pod = {
    ...app(big),
    status: { containerStatuses: [status(big, small)] },
  };
  const granted = publishedAllocation(halfWay);
  assert.ok(sameAllocation(granted, askedAllocation(app(big))));
  // A status from before there were such fields says nothing.
  const { allocatedResources: _, resources: __, ...old } = status(small, small);
  const unknown: Pod = { ...app(big), status: { containerStatuses: [old] } };
  assert.ok(
    sameAllocation(publishedAllocation(unknown), askedAllocation(app(big))),
  );
});

function brief(steps: ReturnType<typeof resizeSteps>): string {
  return steps.map(({ kind, container: { name } }) => `${kind} ${name}`).join(
    ", ",
  );
}
