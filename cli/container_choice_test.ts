import assert from "node:assert/strict";
import type { Pod } from "../k8s/types.ts";
import {
  allContainers,
  chooseContainer,
  chooseLoggedContainer,
} from "./container_choice.ts";

function pod(
  { names = ["a", "b"], annotation, more }: {
    readonly names?: readonly string[];
    readonly annotation?: string;
    readonly more?: boolean;
  } = {},
): Pod {
  return {
    metadata: {
      name: "web",
      ...(annotation === undefined ? {} : {
        annotations: { "kubectl.kubernetes.io/default-container": annotation },
      }),
    },
    spec: {
      containers: names.map((name) => ({ name })),
      ...(more && {
        initContainers: [{ name: "setup" }],
        ephemeralContainers: [{ name: "debug" }],
      }),
    },
  };
}

Deno.test("chooseContainer() takes the only container without a word", () => {
  assert.deepEqual(chooseContainer(pod({ names: ["a"] }), undefined), {
    container: { name: "a" },
  });
});

Deno.test("chooseContainer() takes the first of several, and says so as kubectl does", () => {
  const { container, hint } = chooseContainer(pod({ more: true }), undefined);
  assert.equal(container.name, "a");
  assert.equal(
    hint,
    'Defaulted container "a" out of: a, b, debug (ephem), setup (init)',
  );
});

Deno.test("chooseContainer() takes the one that the annotation names, silently", () => {
  assert.deepEqual(chooseContainer(pod({ annotation: "b" }), undefined), {
    container: { name: "b" },
  });
});

Deno.test("chooseContainer() passes over an annotation that names none", () => {
  const { container, hint } = chooseContainer(
    pod({ annotation: "c" }),
    undefined,
  );
  assert.equal(container.name, "a");
  assert.equal(hint, 'Defaulted container "a" out of: a, b');
});

Deno.test("chooseContainer() takes the named one, and refuses one that is not there", () => {
  assert.equal(
    chooseContainer(pod({ more: true }), "setup").container.name,
    "setup",
  );
  assert.throws(() => chooseContainer(pod(), "c"), {
    message: "container c not found in pod web",
  });
});

Deno.test("chooseLoggedContainer() tells of an annotation that names none", () => {
  assert.deepEqual(
    chooseLoggedContainer(pod({ annotation: "c", names: ["a"] }), undefined),
    {
      container: { name: "a" },
      hint: 'Default container name "c" not found in pod web',
    },
  );
});

Deno.test("chooseLoggedContainer() lists what there is when the name is wrong", () => {
  assert.throws(() => chooseLoggedContainer(pod(), "c"), {
    message: "container c is not valid for pod web out of: a, b",
  });
});

Deno.test("allContainers() names them in the order of their start", () => {
  assert.deepEqual(allContainers(pod({ more: true })), [
    "setup",
    "a",
    "b",
    "debug",
  ]);
});
