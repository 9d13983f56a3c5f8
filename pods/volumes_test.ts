import assert from "node:assert/strict";
import fc from "fast-check";
import type { ConfigMap, Pod, Secret, Volume } from "../k8s/types.ts";
import { RuntimeError } from "../providers/errors.ts";
import type { VolumeSpec } from "../providers/runtime.ts";
import { FileObjects } from "./file_objects.ts";
import { MountError } from "./mount_error.ts";
import type { ObjectSource } from "./objects.ts";
import { resolveMounts, resolveVolumes } from "./volumes.ts";

const configMaps: readonly ConfigMap[] = [
  {
    metadata: { name: "config", namespace: "shop" },
    data: { level: "debug", "game.properties": "lives=3\n" },
    binaryData: { icon: "AP8=" },
  },
  { metadata: { name: "more", namespace: "shop" }, data: { level: "info" } },
];
const secrets: readonly Secret[] = [{
  metadata: { name: "credentials", namespace: "shop" },
  data: { user: btoa("admin"), password: "gIE=" },
}];
const view = {
  ips: ["10.0.0.5"],
  node: { ips: ["192.0.2.1"], allocatable: { cpu: "4", memory: "8Gi" } },
};

/** Gives tokens that say what was asked for. */
class TokenObjects extends FileObjects implements ObjectSource {
  override serviceAccountToken(
    ...[pod, token]: Parameters<FileObjects["serviceAccountToken"]>
  ) {
    const expiresAt = new Date(0);
    const asked = JSON.stringify({ pod: pod.metadata?.name, ...token });
    return Promise.resolve({ token: asked, expiresAt });
  }
}

async function volumesOf(
  volumes: readonly Volume[],
  spec: Partial<NonNullable<Pod["spec"]>> = {},
): Promise<readonly VolumeSpec[]> {
  return await resolveVolumes(
    {
      metadata: {
        uid: "u",
        namespace: "shop",
        name: "web-0",
        labels: { zone: "b", app: "web" },
        annotations: { note: "two\nlines" },
      },
      spec: {
        containers: [{
          name: "web",
          resources: { limits: { memory: "64Mi" } },
        }],
        ...spec,
        volumes: [...volumes],
      },
    },
    { ...view, objects: new TokenObjects({ configMaps, secrets }) },
    {
      signal: new AbortController().signal,
    },
  );
}

/** `path mode content` of each file; content that is not text in hex. */
function filesOf(volume: VolumeSpec | undefined): readonly string[] {
  assert.equal(volume?.kind, "files");
  return volume.files.map(({ path, mode, content }) => {
    const text = new TextDecoder().decode(content);
    const shown = text.includes("\ufffd") ? content.toHex() : text;
    return `${path} ${mode.toString(8)} ${shown}`;
  });
}

interface Row {
  readonly claim: string;
  readonly volume: Omit<Volume, "name">;
  readonly spec?: Partial<NonNullable<Pod["spec"]>>;
  readonly want: readonly string[];
  readonly secret?: boolean;
}

const rows: readonly Row[] = [
  {
    claim: "has all keys of a ConfigMap, binary ones too",
    volume: { configMap: { name: "config" } },
    want: [
      "game.properties 644 lives=3\n",
      "icon 644 00ff",
      "level 644 debug",
    ],
  },
  {
    claim: "has the named keys of a ConfigMap under other paths and modes",
    volume: {
      configMap: {
        name: "config",
        defaultMode: 0o440,
        items: [
          { key: "level", path: "etc/./log//level" },
          { key: "icon", path: "icon.bin", mode: 0o400 },
        ],
      },
    },
    want: ["etc/log/level 440 debug", "icon.bin 400 00ff"],
  },
  {
    claim: "is empty for an optional ConfigMap that is absent",
    volume: { configMap: { name: "none", optional: true } },
    want: [],
  },
  {
    claim: "leaves out an optional key that is absent",
    volume: {
      configMap: {
        name: "config",
        optional: true,
        items: [{ key: "none", path: "a" }, { key: "level", path: "b" }],
      },
    },
    want: ["b 644 debug"],
  },
  {
    claim: "has all keys of a Secret, not only text",
    volume: { secret: { secretName: "credentials" } },
    want: ["password 644 8081", "user 644 admin"],
    secret: true,
  },
  {
    claim: "is secret also when an optional Secret is absent",
    volume: { secret: { secretName: "none", optional: true } },
    want: [],
    secret: true,
  },
  {
    claim: "has fields of the pod and resources of its containers",
    volume: {
      downwardAPI: {
        items: [
          { path: "labels", fieldRef: { fieldPath: "metadata.labels" } },
          {
            path: "note",
            mode: 0o600,
            fieldRef: { fieldPath: "metadata.annotations['note']" },
          },
          {
            path: "memory",
            resourceFieldRef: {
              containerName: "web",
              resource: "limits.memory",
              divisor: "1Mi",
            },
          },
          {
            path: "cpu",
            resourceFieldRef: { containerName: "web", resource: "limits.cpu" },
          },
        ],
      },
    },
    want: [
      "cpu 644 4",
      'labels 644 app="web"\nzone="b"',
      "memory 644 64",
      "note 600 two\nlines",
    ],
  },
  {
    claim: "projects several sources into one, the later over the earlier",
    volume: {
      projected: {
        defaultMode: 0o444,
        sources: [
          {
            configMap: { name: "config", items: [{ key: "level", path: "l" }] },
          },
          { configMap: { name: "more", items: [{ key: "level", path: "l" }] } },
          {
            secret: {
              name: "credentials",
              items: [{ key: "user", path: "in/user", mode: 0o400 }],
            },
          },
          {
            downwardAPI: {
              items: [{
                path: "name",
                fieldRef: { fieldPath: "metadata.name" },
              }],
            },
          },
        ],
      },
    },
    want: ["in/user 400 admin", "l 444 info", "name 444 web-0"],
    secret: true,
  },
  {
    claim: "is not secret without a Secret or a token",
    volume: {
      projected: { sources: [{ configMap: { name: "more" } }] },
    },
    want: ["level 644 info"],
  },
  {
    claim:
      "asks for an hour's token of the API server unless the pod says else",
    volume: {
      projected: {
        sources: [
          { serviceAccountToken: { path: "token" } },
          {
            serviceAccountToken: {
              path: "vault",
              audience: "vault",
              expirationSeconds: 7200,
            },
          },
        ],
      },
    },
    want: [
      'token 644 {"pod":"web-0","expirationSeconds":3600}',
      'vault 644 {"pod":"web-0","audience":"vault","expirationSeconds":7200}',
    ],
    secret: true,
  },
];
for (const { claim, volume, spec, want, secret = false } of rows) {
  Deno.test(`resolveVolumes() ${claim}`, async () => {
    const [found] = await volumesOf([{ name: "v", ...volume }], spec);
    assert.deepEqual(filesOf(found), want);
    assert.equal(found?.kind === "files" && found.secret, secret);
  });
}

const tokenModes: readonly (readonly [
  claim: string,
  spec: Partial<NonNullable<Pod["spec"]>>,
  want: number,
])[] = [
  ["0644 without a user or a group", {}, 0o644],
  ["0600 with fsGroup", { securityContext: { fsGroup: 1000 } }, 0o600],
  ["0600 with one user for all", { securityContext: { runAsUser: 1 } }, 0o600],
  ["0600 with the same user everywhere", {
    initContainers: [{ name: "i", securityContext: { runAsUser: 1 } }],
    containers: [{ name: "c", securityContext: { runAsUser: 1 } }],
  }, 0o600],
  ["0644 with several users", {
    securityContext: { runAsUser: 1 },
    containers: [
      { name: "c" },
      { name: "d", securityContext: { runAsUser: 2 } },
    ],
  }, 0o644],
];
for (const [claim, spec, want] of tokenModes) {
  Deno.test(`resolveVolumes() gives a token the mode ${claim}`, async () => {
    const sources = [{ serviceAccountToken: { path: "token" } }];
    const [found] = await volumesOf(
      [{ name: "v", projected: { sources } }],
      spec,
    );
    assert.equal(found?.kind === "files" && found.files[0]?.mode, want);
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

const failures: readonly (readonly [why: string, Omit<Volume, "name">])[] = [
  ['configmap "none" not found', { configMap: { name: "none" } }],
  ['secret "none" not found', { secret: { secretName: "none" } }],
  ['configmap "none" not found', {
    projected: { sources: [{ configMap: { name: "none" } }] },
  }],
  ["references non-existent config key: none", {
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
  ['unsupported storage medium "HugePages"', {
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
