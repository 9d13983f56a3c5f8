import assert from "node:assert/strict";
import { disruptionVerdicts } from "./conditions.ts";

Deno.test("disruptionVerdicts() says whose end was for the node's sake", () => {
  const message = "The node was low on resource: memory. ";
  assert.deepEqual(disruptionVerdicts(undefined), []);
  assert.deepEqual(disruptionVerdicts({}), []);
  assert.deepEqual(disruptionVerdicts({ disruption: message }), [{
    type: "DisruptionTarget",
    status: "True",
    reason: "TerminationByKubelet",
    message,
  }]);
});
