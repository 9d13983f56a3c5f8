import assert from "node:assert/strict";
import { RuntimeError } from "./errors.ts";
import { parseImageName } from "./image_name.ts";

const digest = `sha256:${"0123456789abcdef".repeat(4)}`;

const names: readonly (readonly [name: string, full: string])[] = [
  ["busybox", "docker.io/library/busybox:latest"],
  ["busybox:1.36", "docker.io/library/busybox:1.36"],
  ["team/app", "docker.io/team/app:latest"],
  ["index.docker.io/busybox", "docker.io/library/busybox:latest"],
  ["docker.io/busybox", "docker.io/library/busybox:latest"],
  ["localhost/app:x", "localhost/app:x"],
  ["localhost:5000/app", "localhost:5000/app:latest"],
  ["[::1]:5000/a/b:1", "[::1]:5000/a/b:1"],
  [
    "registry.k8s.io/e2e/x_y__z-1.2:v1.0_-",
    "registry.k8s.io/e2e/x_y__z-1.2:v1.0_-",
  ],
  [`busybox@${digest}`, `docker.io/library/busybox@${digest}`],
  [`quay.io/a/b:1.2@${digest}`, `quay.io/a/b@${digest}`],
  ["UPPER.example/app", "UPPER.example/app:latest"],
  ["Host/app", "Host/app:latest"],
];
for (const [name, full] of names) {
  Deno.test(`parseImageName() reads ${name}`, () => {
    assert.equal(parseImageName(name).full, full);
  });
}

Deno.test("parseImageName() says whether the registry was left open", () => {
  assert.equal(parseImageName("a/b").short, true);
  assert.equal(parseImageName("docker.io/a/b").short, false);
});

const wrong = [
  ...["", " ", "a b", "busybox:", ":tag", "busybox:-x", `a:${"x".repeat(129)}`],
  ...["UPPER", "a/Upper:1", "a//b", "/a", "a/", "a.-b", "-a", "a_", "a___b"],
  ...[
    "http://a/b",
    "a@sha256:12",
    `a@${digest}0`,
    "a@",
    `a@${digest}@${digest}`,
  ],
  ...["0123456789abcdef".repeat(4), "bad host/x", "a.b:port/x", "busybox\n"],
  ...[`a.b/${"x".repeat(300)}`, "a:b:c", "../x", "a?b", "a.b/x&tag=y"],
];
for (const name of wrong) {
  Deno.test(`parseImageName() refuses ${JSON.stringify(name.slice(0, 40))}`, () => {
    assert.throws(
      () => parseImageName(name),
      (error) =>
        error instanceof RuntimeError && error.reason === "InvalidImageName",
    );
  });
}
