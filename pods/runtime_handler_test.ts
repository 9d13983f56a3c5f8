import assert from "node:assert/strict";
import { checkRuntimeHandler } from "./runtime_handler.ts";

const { signal } = new AbortController();
const classes = new Map([["known", "runc"], ["unknown", "other"]]);
const objects = {
  runtimeHandler: (name: string) => Promise.resolve(classes.get(name)),
};
const runtime = { handlers: ["runc"] };

const table = [
  ["no class", undefined, undefined],
  ["a class whose handler is there", "known", undefined],
  [
    "a class with another handler",
    "unknown",
    'RuntimeHandler "other" not supported',
  ],
  [
    "a class that there is not",
    "missing",
    'runtimeclass.node.k8s.io "missing" not found',
  ],
] as const;
for (const [claim, runtimeClassName, message] of table) {
  Deno.test(`checkRuntimeHandler() ${message === undefined ? "takes" : "refuses"} a pod with ${claim}`, async () => {
    const pod = {
      spec: {
        containers: [],
        ...(runtimeClassName === undefined ? {} : { runtimeClassName }),
      },
    };
    const check = checkRuntimeHandler({ runtime, objects }, pod, { signal });
    if (message === undefined) await check;
    else await assert.rejects(check, { message });
  });
}

Deno.test("checkRuntimeHandler() asks nobody where the runtime does not tell its handlers or there is no cluster", async () => {
  const pod = { spec: { containers: [], runtimeClassName: "missing" } };
  await checkRuntimeHandler({ runtime: {}, objects }, pod, { signal });
  await checkRuntimeHandler({ runtime, objects: {} }, pod, { signal });
});
