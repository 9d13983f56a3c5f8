import assert from "node:assert/strict";
import { ApiError, UnreachableError } from "../k8s/errors.ts";
import type { Pod } from "../k8s/types.ts";
import { LocalPods } from "./local_pods.ts";
import { requestDeletion } from "./request_deletion.ts";

const pod: Pod = {
  metadata: { uid: "u1", name: "web", namespace: "default" },
  spec: { containers: [], terminationGracePeriodSeconds: 7 },
};

/** Asks with an API server that answers so; gives what comes of it. */
async function ask(
  answer: () => Promise<boolean>,
  graceSeconds?: number,
): Promise<{ readonly deleted: boolean; readonly local: number | undefined }> {
  const local = new LocalPods();
  const { signal } = new AbortController();
  const client = { delete: answer };
  const options = { graceSeconds, signal };
  const deleted = await requestDeletion({ client, local }, pod, options);
  return { deleted, local: local.deletion("u1")?.graceSeconds };
}

function refusal(code: number): () => Promise<boolean> {
  return () =>
    Promise.reject(new ApiError("x", { code, reason: "", message: "" }));
}

Deno.test("requestDeletion() leaves it to an API server that answers", async () => {
  const asked = await ask(() => Promise.resolve(true));
  assert.deepEqual(asked, { deleted: true, local: undefined });
  const gone = { deleted: false, local: undefined };
  assert.deepEqual(await ask(() => Promise.resolve(false)), gone);
  assert.deepEqual(await ask(refusal(409)), gone);
  await assert.rejects(ask(refusal(403)), { code: 403 });
});

Deno.test("requestDeletion() acts here when the API server or its storage is away", async () => {
  const away = () =>
    Promise.reject(new UnreachableError("https://x", "refused"));
  assert.deepEqual(await ask(away), { deleted: true, local: 7 });
  assert.deepEqual(await ask(away, 0), { deleted: true, local: 0 });
  assert.deepEqual(await ask(refusal(503), 3), { deleted: true, local: 3 });
});
