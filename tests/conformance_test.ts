import assert from "node:assert/strict";
import { join } from "node:path";
import { needing } from "./needing.ts";
import { runSuite, suiteMissing } from "./kubernetes_suite.ts";

/** Quick specs that have little in common; `deno task conformance` runs them all. */
const specs = [
  "ConfigMap should be consumable via the environment",
  "Container Lifecycle Hook .* exec hook properly",
  "Container Lifecycle Hook .* http hook properly",
  "Container Runtime .* from log output if TerminationMessagePolicy",
  "Container Runtime .* as non-root user and at a non-default path",
  "Containers should be able to override the image's default",
  "Downward API should provide default limits.cpu/memory",
  "Ephemeral Containers",
  "InitContainer should invoke init containers",
  "InitContainer should not start app containers and fail the pod",
  "Kubelet .* should (print the output|have an terminated|write entries)",
  "KubeletManagedEtcHosts",
  "Networking Granular Checks",
  "Pods should (be updated|be submitted|support|contain)",
  "Probing container should be restarted with a (exec|/healthz)",
  "RuntimeClass",
  "Secrets should be consumable via the environment",
  "Security Context When creating a container with runAsUser",
  "Sysctls",
  "Variable Expansion",
  "ConfigMap updates should be reflected in volume",
  "Downward API volume should update labels",
  "EmptyDir volumes should support .(root|non-root),0644",
  "Projected (combined|secret optional)",
  "Secrets should be consumable .* as non-root with defaultMode",
];
/** With fewer, the names above would match nothing any more. */
const fewest = 25;

Deno.test({
  ...needing(
    suiteMissing(),
    "a host over SSH passes specs of Kubernetes' suite",
  ),
  async fn() {
    const dir = await Deno.makeTempDir({ prefix: "farlet-conformance-" });
    const conformance = "\\[Conformance\\] \\[NodeConformance\\]";
    const { passed, failed } = await runSuite({
      focus: `(${specs.join("|")}).*${conformance}`,
      procs: 4,
      dir,
      signal: AbortSignal.timeout(600_000),
    });
    assert.deepEqual(failed, [], await Deno.readTextFile(join(dir, "e2e.log")));
    assert.ok(passed >= fewest, `only ${passed} specs`);
    await Deno.remove(dir, { recursive: true });
  },
});
