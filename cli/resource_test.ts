import assert from "node:assert/strict";
import { ConfigError } from "../async/config_error.ts";
import { resourceArguments, resources } from "./resource.ts";

function read(...args: readonly string[]) {
  const kinds: readonly (typeof resources)[number][] = resources;
  const { resource, names } = resourceArguments(args, kinds);
  return [resource.plural, ...names];
}

Deno.test("resourceArguments() reads types, their short forms and names", () => {
  assert.deepEqual(read("pods"), ["pods"]);
  assert.deepEqual(read("po", "a", "b"), ["pods", "a", "b"]);
  assert.deepEqual(read("pod/a", "pods/b"), ["pods", "a", "b"]);
  assert.deepEqual(read("no/x"), ["nodes", "x"]);
  assert.deepEqual(read("Events"), ["events"]);
});

Deno.test("resourceArguments() refuses what is unknown or mixed", () => {
  const wrong = [
    ["deployments"],
    ["pod/a", "node/b"],
    ["pod", "pod/a"],
    ["pod/"],
    ["pod/a/b"],
    ["pod/a", "b"],
  ];
  for (const args of wrong) {
    assert.throws(() => read(...args), ConfigError, args.join(" "));
  }
});
