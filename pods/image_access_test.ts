import assert from "node:assert/strict";
import {
  formatImageAccess,
  type ImageAccess,
  isGuarded,
  mayUse,
  noImageAccess,
  parseImageAccess,
  type PullSecret,
  withBegun,
  withEnded,
  withMatching,
  withOpeners,
} from "./image_access.ts";

const secret = (name: string, hash: string): PullSecret => ({
  namespace: "shop",
  name,
  uid: `uid-of-${name}`,
  hash,
});
const a = secret("a", "hash-a");
const use = { image: "quay.io/a/b:1", imageId: "quay.io/a/b@sha256:1" };
const opened = withOpeners(noImageAccess, use, [a]);

const decisions: readonly (readonly [
  claim: string,
  access: ImageAccess,
  use: typeof use,
  secrets: readonly PullSecret[],
  may: boolean,
])[] = [
  ["lets all use what was there before", noImageAccess, use, [], true],
  ["lets nobody in without a Secret", opened, use, [], false],
  ["lets the Secret in that opened the registry", opened, use, [a], true],
  [
    "lets another Secret in that has the same credentials",
    opened,
    use,
    [secret("z", "hash-a")],
    true,
  ],
  [
    "lets the Secret in whose credentials were changed since",
    opened,
    use,
    [secret("a", "new")],
    true,
  ],
  [
    "does not let in a Secret that was deleted and made again with others",
    opened,
    use,
    [{ ...a, uid: "other", hash: "other" }],
    false,
  ],
  [
    "takes hashes that are not known for no match",
    withOpeners(noImageAccess, use, [secret("a", "")]),
    use,
    [secret("z", "")],
    false,
  ],
  [
    "asks of another tag what it asks of the first",
    opened,
    { ...use, image: "quay.io/a/b:2" },
    [a],
    true,
  ],
  [
    "lets nobody use the image under the name of another repository",
    opened,
    { image: "quay.io/other:1", imageId: "quay.io/other@sha256:1" },
    [a],
    false,
  ],
  [
    "lets all in once it was fetched without a Secret",
    withOpeners(opened, use, "everybody"),
    use,
    [],
    true,
  ],
  [
    "does not close again what is everybody's",
    withOpeners(withOpeners(opened, use, "everybody"), use, [a]),
    use,
    [],
    true,
  ],
  [
    "lets nobody use what was being fetched when the agent was killed",
    withBegun(noImageAccess, use.image),
    use,
    [a],
    false,
  ],
  [
    "lets all use what was there before, after a pull failed",
    withEnded(withBegun(noImageAccess, use.image), use.image),
    use,
    [],
    true,
  ],
];
for (const [claim, access, use, secrets, may] of decisions) {
  Deno.test(`mayUse() ${claim}`, () => {
    assert.equal(mayUse(access, use, secrets), may);
  });
}

Deno.test("withMatching() remembers the new form of a Secret, and nobody else's", () => {
  const changed = secret("a", "new");
  const after = withMatching(opened, use, [changed]);
  assert.equal(mayUse(after, use, [secret("z", "new")]), true);
  assert.equal(withMatching(opened, use, [secret("z", "other")]), opened);
  assert.equal(withMatching(after, use, [changed]), after);
});

Deno.test("withOpeners() changes nothing when there is nothing new", () => {
  assert.equal(withOpeners(opened, use, [a]), opened);
});

Deno.test("parseImageAccess() reads what was written, and nothing else", () => {
  const access = withBegun(withOpeners(opened, use, "everybody"), "c:1");
  const both = withOpeners(access, { ...use, imageId: "sha256:2" }, [a]);
  assert.deepEqual(parseImageAccess(formatImageAccess(both)), both);
  assert.equal(isGuarded(both, use), true);
  for (const text of ["[]", '{"images":{},"begun":[1]}', "{}", "x"]) {
    assert.throws(() => parseImageAccess(text));
  }
});
