import assert from "node:assert/strict";
import { FileObjects } from "./file_objects.ts";
import { decodeText } from "../k8s/object_content.ts";

const pod = { uid: "u", namespace: "default", name: "web" };

Deno.test("FileObjects.configMap() finds objects by namespace, default unless said", async () => {
  const objects = new FileObjects({
    configMaps: [
      { metadata: { name: "a" }, data: { k: "default" } },
      { metadata: { name: "a", namespace: "other" }, data: { k: "other" } },
    ],
    secrets: [],
  });
  const other = { ...pod, namespace: "other" };
  assert.equal((await objects.configMap(pod, "a"))?.data?.k, "default");
  assert.equal((await objects.configMap(other, "a"))?.data?.k, "other");
  assert.equal(await objects.configMap(pod, "b"), undefined);
});

Deno.test("FileObjects.secret() has stringData in data, over what data says", async () => {
  const objects = new FileObjects({
    configMaps: [],
    secrets: [{
      metadata: { name: "s" },
      data: { kept: btoa("old"), replaced: btoa("old") },
      stringData: { replaced: "grün ✓", added: "" },
    }],
  });
  const { data = {}, stringData } = await objects.secret(pod, "s") ?? {};
  assert.deepEqual(
    Object.entries(data).map(([key, value]) => [key, decodeText(value)]),
    [["kept", "old"], ["replaced", "grün ✓"], ["added", ""]],
  );
  assert.equal(stringData, undefined);
});

Deno.test("FileObjects refuses a Secret whose data is not base64 and names the key", () => {
  assert.throws(
    () =>
      new FileObjects({
        configMaps: [],
        secrets: [{ metadata: { name: "s" }, data: { key: "not base64!" } }],
      }),
    /Cannot read Secret default\/s: data\.key is not base64/,
  );
});

Deno.test("FileObjects.serviceAccountToken() names the field that needs a cluster", async () => {
  const objects = new FileObjects({ configMaps: [], secrets: [] });
  await assert.rejects(
    objects.serviceAccountToken({ metadata: pod }, {}),
    /default\/web.*serviceAccountToken needs a cluster/,
  );
});

Deno.test("FileObjects.changes() ends on abort without a change", async () => {
  const objects = new FileObjects({ configMaps: [], secrets: [] });
  const stop = new AbortController();
  const seen = Array.fromAsync(objects.changes({ signal: stop.signal }));
  stop.abort();
  assert.deepEqual(await seen, []);
});
