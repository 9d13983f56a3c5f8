import * as z from "zod";
import assert from "node:assert/strict";
import { nodeSchema } from "./config_node.ts";
import { shutdownConfiguration } from "./config_shutdown.ts";

/** A node of a configuration, with what is wrong with it in place of it. */
function read(fields: object) {
  const { data, error } = nodeSchema(z.string()).safeParse({
    name: "a",
    ...fields,
  });
  const said = error?.issues.map(({ path, message }) =>
    `${path.join(".")}: ${message}`
  );
  return { ...data, said: said?.join("; ") };
}

const one = { priority: 7, shutdownGracePeriodSeconds: 60 };

Deno.test("nodeSchema() reads how long pods have when a machine shuts down", () => {
  assert.deepEqual(read({}).shutdown?.groups, []);
  const both = {
    shutdownGracePeriod: "1m30s",
    shutdownGracePeriodCriticalPods: "10s",
  };
  assert.deepEqual(read(both).shutdown?.groups, [
    { priority: 0, graceMs: 80_000 },
    { priority: 2_000_000_000, graceMs: 10_000 },
  ]);
  const each = { shutdownGracePeriodByPodPriority: [one] };
  const groups = [{ priority: 7, graceMs: 60_000 }];
  assert.deepEqual(read(each).shutdown?.groups, groups);
  assert.deepEqual(shutdownConfiguration(read(each).shutdown), each);
});

Deno.test("nodeSchema() reads the kernel parameters that pods may set", () => {
  const allowedUnsafeSysctls = ["net.core.somaxconn", "kernel.msg*"];
  const found = read({ allowedUnsafeSysctls });
  assert.deepEqual(found.allowedUnsafeSysctls, allowedUnsafeSysctls);
});

const refused: readonly (readonly [object, RegExp])[] = [
  [
    { shutdownGracePeriod: "soon" },
    /^shutdownGracePeriod: expected a duration such as 30s, .* not "soon"$/,
  ],
  [
    { shutdownGracePeriod: "500ms" },
    /^shutdownGracePeriod: .*of at least 1s, or 0s for none, not "500ms"$/,
  ],
  [
    { shutdownGracePeriodCriticalPods: "10s" },
    /CriticalPods: expected at most shutdownGracePeriod \(0s\).* not 10s$/,
  ],
  [
    {
      shutdownGracePeriod: "3s",
      shutdownGracePeriodByPodPriority: [one],
    },
    /ByPodPriority: not together with shutdownGracePeriod$/,
  ],
  [
    { shutdownGracePeriodByPodPriority: [one, one] },
    /ByPodPriority: expected every priority once$/,
  ],
  [
    { allowedUnsafeSysctls: ["vm.swappiness"] },
    /Sysctls\.0: expected a parameter that is known to be namespaced.*"vm\.sw/,
  ],
  [
    { allowedUnsafeSysctls: "net.*" },
    /^allowedUnsafeSysctls: expected a list of kernel parameters/,
  ],
];
for (const [fields, message] of refused) {
  Deno.test(`nodeSchema() refuses ${JSON.stringify(fields)}`, () => {
    assert.match(read(fields).said ?? "", message);
  });
}
