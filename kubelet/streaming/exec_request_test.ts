import assert from "node:assert/strict";
import type { Pod } from "../../k8s/types.ts";
import type { KubeletContext } from "../context.ts";
import { readStreamingRequest } from "./exec_request.ts";

const web: Pod = {
  metadata: { namespace: "default", name: "web", uid: "u1" },
  spec: {
    containers: [{ name: "app" }],
    initContainers: [{ name: "init" }],
    ephemeralContainers: [{ name: "debug" }],
  },
};
const all: KubeletContext["backend"] = {
  exec: () => Promise.resolve(0),
  attach: () => Promise.resolve(),
  portForward: () => Promise.reject(new Error("unused")),
};

function read(request: string, backend = all) {
  const [method = "", target = ""] = request.split(" ");
  const findPod = (namespace: string, name: string) =>
    namespace === "default" && name === "web" ? web : undefined;
  const { kind, ...rest } = readStreamingRequest(
    { findPod, backend },
    method,
    target,
  );
  return kind === "refused" ? rest : { kind, ...rest };
}

const no = { stdin: false, stdout: false, stderr: false, tty: false };
const ref = { podUid: "u1", container: "app" };
const nothingAsked = {
  status: 400,
  message: "you must specify at least 1 of stdin, stdout, stderr",
};
const cases: readonly (readonly [request: string, want: object])[] = [
  ["GET /exec/default/web/app?output=1&command=ls&command=-l%20x", {
    ...{ kind: "exec", ref, command: ["ls", "-l x"] },
    wanted: { ...no, stdout: true },
  }],
  ["POST /exec/default/web/u1/app?input=1&error=1&command=", {
    ...{ kind: "exec", ref, command: [""] },
    wanted: { ...no, stdin: true, stderr: true },
  }],
  ["GET /exec/default/web/app?output=1&error=1&tty=1&command=sh", {
    ...{ kind: "exec", ref, command: ["sh"] },
    wanted: { ...no, stdout: true, tty: true },
  }],
  ["GET /attach/default/web/debug/?output=1", {
    ...{ kind: "attach", ref: { ...ref, container: "debug" } },
    wanted: { ...no, stdout: true },
  }],
  ["POST /run/default/web/init?cmd=ls%20-l++x", {
    ...{ kind: "run", ref: { ...ref, container: "init" } },
    command: ["ls", "-l", "", "x"],
  }],
  ["POST /portForward/default/web", {
    ...{ kind: "portForward", podUid: "u1", query: new URLSearchParams() },
  }],
  ["GET /portForward/default/web/u1?port=80", {
    ...{ kind: "portForward", podUid: "u1" },
    query: new URLSearchParams("port=80"),
  }],
  ["GET /exec/default/web/app?command=ls", nothingAsked],
  ["GET /exec/default/nope/app?command=ls", nothingAsked],
  ["GET /exec/default/web/app?output=true&stdout=1&input=0", nothingAsked],
  ["GET /attach/default/web/app?tty=1&error=1", nothingAsked],
  ["GET /exec/default/nope/app?output=1", {
    status: 404,
    message: "pod does not exist",
  }],
  ["GET /exec/default/web/u2/app?output=1", {
    status: 404,
    message: "pod not found",
  }],
  ["POST /portForward/default/web/u2", {
    status: 404,
    message: "pod not found",
  }],
  ["GET /exec/default/web/nope?output=1", {
    status: 404,
    message: 'container not found ("nope")',
  }],
  ["GET /exec/default/web/app?output=1", {
    status: 400,
    message: "no command was given",
  }],
  ["POST /run/default/web/app?cmd=", {
    status: 400,
    message: "no cmd was given",
  }],
];
for (const [request, want] of cases) {
  Deno.test(`readStreamingRequest() reads ${request}`, () => {
    assert.deepEqual(read(request), want);
  });
}

for (
  const [request, allow] of [
    ["PUT /exec/default/web/app?output=1", "GET, POST"],
    ["DELETE /portForward/default/web", "GET, POST"],
    ["GET /run/default/web/app?cmd=ls", "POST"],
  ] as const
) {
  Deno.test(`readStreamingRequest() answers 405 to ${request}`, () => {
    const message = "405: Method Not Allowed";
    assert.deepEqual(read(request), { status: 405, message, allow });
  });
}

for (
  const path of [
    "/",
    "",
    "/pods",
    "exec/default/web/app",
    "//exec/default/web/app",
    "/Exec/default/web/app",
    "/%65xec/default/web/app",
    "/exec",
    "/exec/default/web",
    "/exec/default/web/u1/app/more",
    "/exec//web/app",
    "/exec/default/%ff/app",
    "/portForward/default",
    "/portForward/default/web/u1/app",
    "/toString/default/web/app",
  ]
) {
  Deno.test(`readStreamingRequest() answers 404 to "${path}"`, () => {
    const message = "404: Page Not Found";
    assert.deepEqual(read(`GET ${path}?output=1`), { status: 404, message });
  });
}

for (
  const [request, what] of [
    ["GET /exec/default/web/app?output=1&command=ls", "run commands"],
    ["GET /attach/default/web/app?output=1", "attach"],
    ["GET /portForward/default/web", "forward ports"],
    ["POST /run/default/web/app?cmd=ls", "run commands"],
  ] as const
) {
  Deno.test(`readStreamingRequest() answers 501 when the provider cannot ${what}: ${request}`, () => {
    const refusal = read(request, {});
    assert.ok("status" in refusal && refusal.status === 501);
    assert.match(refusal.message, new RegExp(`node cannot ${what}`));
  });
}
