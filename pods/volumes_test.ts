import assert from "node:assert/strict";
import fc from "fast-check";
import type { ConfigMap, Pod, Secret, Volume } from "../k8s/types.ts";
import { RuntimeError } from "../providers/errors.ts";
import type { VolumeSpec } from "../providers/container_spec.ts";
import { FileObjects } from "./file_objects.ts";
import { MountError } from "./mount_error.ts";
import { resolveMounts, resolveVolumes } from "./volumes.ts";

const configMaps: readonly ConfigMap[] = [
  {
    metadata: { name: "config", namespace: "shop" },
    data: { level: "debug" },
  },
];
const secrets: readonly Secret[] = [{
  metadata: { name: "credentials", namespace: "shop" },
  data: { user: btoa("admin") },
}];
const view = {
  ips: ["10.0.0.5"],
  node: { ips: ["192.0.2.1"], allocatable: { cpu: "4", memory: "8Gi" } },
};

async function volumesOf(
  volumes: readonly Volume[],
  more: Partial<NonNullable<Pod["spec"]>> = {},
): Promise<readonly VolumeSpec[]> {
  const metadata = { uid: "u", namespace: "shop", name: "web-0" };
  const containers = [{ name: "web" }];
  const spec = { containers, volumes: [...volumes], ...more };
  const objects = new FileObjects({ configMaps, secrets });
  const { signal } = new AbortController();
  return await resolveVolumes({ metadata, spec }, { ...view, objects }, {
    signal,
  });
}

Deno.test("resolveVolumes() knows directories", async () => {
  const found = await volumesOf([
    { name: "a", emptyDir: {} },
    { name: "b", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
    { name: "c", hostPath: { path: "/srv", type: "Directory" } },
    { name: "d", hostPath: { path: "/srv" } },
    { name: "e" },
  ]);
  assert.deepEqual(found, [
    { kind: "emptyDir", name: "a", medium: "" },
    { kind: "emptyDir", name: "b", medium: "Memory", sizeLimitBytes: 2 ** 20 },
    { kind: "hostPath", name: "c", path: "/srv", type: "Directory" },
    { kind: "hostPath", name: "d", path: "/srv", type: "" },
    { kind: "emptyDir", name: "e", medium: "" },
  ]);
});

Deno.test("resolveVolumes() gives directories of the pod's own to its group", async () => {
  const found = await volumesOf([
    { name: "a", emptyDir: {} },
    { name: "b", hostPath: { path: "/srv" } },
    { name: "c", configMap: { name: "config" } },
  ], { securityContext: { fsGroup: 2000 } });
  assert.deepEqual(
    found.map((volume) => "fsGroup" in volume ? volume.fsGroup : "none"),
    [2000, "none", 2000],
  );
});

const failures: readonly (readonly [why: string, Omit<Volume, "name">])[] = [
  ['configmap "none" not found', { configMap: { name: "none" } }],
  ['secret "none" not found', { secret: { secretName: "none" } }],
  ['configmap "none" not found', {
    projected: { sources: [{ configMap: { name: "none" } }] },
  }],
  ["configmap references non-existent config key: none", {
    configMap: { name: "config", items: [{ key: "none", path: "a" }] },
  }],
  ["references non-existent secret key: none", {
    secret: {
      secretName: "credentials",
      items: [{ key: "none", path: "a" }],
    },
  }],
  ["invalid path: must not contain '..': a/../b", {
    configMap: { name: "config", items: [{ key: "level", path: "a/../b" }] },
  }],
  ["invalid path: must be relative path: /a", {
    configMap: { name: "config", items: [{ key: "level", path: "/a" }] },
  }],
  ["invalid path: must not start with '..': ..data", {
    configMap: { name: "config", items: [{ key: "level", path: "..data" }] },
  }],
  ["conflicting paths: a is a file, and a/b too", {
    configMap: {
      name: "config",
      items: [{ key: "level", path: "a/b" }, { key: "level", path: "a" }],
    },
  }],
  ["container nobody not found", {
    downwardAPI: {
      items: [{
        path: "a",
        resourceFieldRef: { containerName: "nobody", resource: "limits.cpu" },
      }],
    },
  }],
  ['unknown storage medium "HugePages"', {
    emptyDir: { medium: "HugePages" },
  }],
  ["volumes of type nfs are not supported", {
    nfs: { server: "s", path: "/p" },
  }],
  ["projected sources of type clusterTrustBundle are not supported", {
    projected: { sources: [{ clusterTrustBundle: { path: "ca" } }] },
  }],
];
for (const [why, volume] of failures) {
  const [kind] = Object.keys(volume);
  Deno.test(`resolveVolumes() fails as the kubelet does (${kind}): ${why}`, async () => {
    const reason = await volumesOf([
      { name: "good", emptyDir: {} },
      { name: "v", ...volume },
      { name: "also-bad", secret: { secretName: "absent" } },
    ]).catch((error) => error);
    assert.ok(reason instanceof MountError);
    assert.equal(reason.volume, "v");
    assert.equal(
      reason.message,
      `MountVolume.SetUp failed for volume "v" : ${why}`,
    );
  });
}

Deno.test("resolveVolumes() rejects with the signal's reason when aborted", async () => {
  await assert.rejects(
    resolveVolumes(
      { metadata: { uid: "u", name: "web" }, spec: { containers: [] } },
      { ...view, objects: new FileObjects({ configMaps, secrets }) },
      { signal: AbortSignal.abort(new Error("enough")) },
    ),
    /^Error: enough$/,
  );
});

Deno.test("resolveVolumes() never lets a file out of its volume", async () => {
  const part = fc.constantFrom("..", ".", "", "a", "..b", "...", "c d", "é");
  const path = fc.array(part, { maxLength: 6 }).map((parts) => parts.join("/"));
  await fc.assert(fc.asyncProperty(path, async (path) => {
    const items = [{ key: "level", path }];
    const found = await volumesOf([{
      name: "v",
      configMap: { name: "config", items },
    }]).catch((error: unknown) => error);
    if (found instanceof MountError) return;
    const [volume] = found as readonly VolumeSpec[];
    assert.equal(volume?.kind, "files");
    for (const file of volume.files) {
      const parts = file.path.split("/");
      assert.ok(!parts.some((part) => ["", ".", ".."].includes(part)));
    }
  }));
});

const mountPod: Pod = {
  spec: {
    containers: [],
    volumes: [
      { name: "data", emptyDir: {} },
      { name: "config", configMap: { name: "config" } },
      { name: "all", projected: { sources: [] } },
    ],
  },
};

function mountsOf(
  volumeMounts: NonNullable<
    NonNullable<Pod["spec"]>["containers"][number]["volumeMounts"]
  >,
) {
  const env = { POD_NAME: "web-0", EMPTY: "" };
  return resolveMounts({ name: "web", volumeMounts }, mountPod, env);
}

Deno.test("resolveMounts() mounts volumes of the API read-only, others as the pod says", () => {
  assert.deepEqual(
    mountsOf([
      { name: "data", mountPath: "/data" },
      { name: "data", mountPath: "/ro", readOnly: true },
      { name: "config", mountPath: "/etc/config", readOnly: false },
      { name: "all", mountPath: "relative" },
    ]),
    [
      { volume: "data", mountPath: "/data", readOnly: false },
      { volume: "data", mountPath: "/ro", readOnly: true },
      { volume: "config", mountPath: "/etc/config", readOnly: true },
      { volume: "all", mountPath: "/relative", readOnly: true },
    ],
  );
});

Deno.test("resolveMounts() passes on how mounts propagate", () => {
  assert.deepEqual(
    mountsOf([
      { name: "data", mountPath: "/a", mountPropagation: "None" },
      { name: "data", mountPath: "/b", mountPropagation: "Bidirectional" },
      { name: "data", mountPath: "/c", mountPropagation: "HostToContainer" },
    ]).map(({ propagation }) => propagation),
    [undefined, "Bidirectional", "HostToContainer"],
  );
});

Deno.test("resolveMounts() takes sub-paths and expands those that are expressions", () => {
  assert.deepEqual(
    mountsOf([
      { name: "data", mountPath: "/a", subPath: "./x//y/$(POD_NAME)" },
      { name: "data", mountPath: "/b", subPathExpr: "logs/$(POD_NAME)" },
    ]).map(({ subPath }) => subPath),
    ["x/y/$(POD_NAME)", "logs/web-0"],
  );
});

const wrongMounts: readonly (readonly [
  message: string,
  mount: Parameters<typeof mountsOf>[0][number],
])[] = [
  ['cannot find volume "none" to mount into container "web"', {
    name: "none",
    mountPath: "/a",
  }],
  ["missing value for EMPTY, NONE", {
    name: "data",
    mountPath: "/a",
    subPathExpr: "$(NONE)/$(EMPTY)/$(POD_NAME)",
  }],
  ["error SubPath `/etc` must not be an absolute path", {
    name: "data",
    mountPath: "/a",
    subPath: "/etc",
  }],
  ["unable to provision SubPath `a/../../etc`: must not contain '..'", {
    name: "data",
    mountPath: "/a",
    subPath: "a/../../etc",
  }],
];
for (const [message, mount] of wrongMounts) {
  Deno.test(`resolveMounts() fails as the kubelet does: ${message}`, () => {
    assert.throws(() => mountsOf([mount]), (error) => {
      assert.ok(error instanceof RuntimeError);
      assert.equal(error.reason, "CreateContainerConfigError");
      assert.equal(error.message, message);
      return true;
    });
  });
}
