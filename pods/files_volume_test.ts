import assert from "node:assert/strict";
import type { ConfigMap, Pod, Secret, Volume } from "../k8s/types.ts";
import type { VolumeSpec } from "../providers/container_spec.ts";
import { FileObjects } from "./file_objects.ts";
import { filesVolume } from "./files_volume.ts";
import type { ObjectSource } from "./objects.ts";

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

/** The volume in a pod of that spec. */
async function volumeOf(
  volume: Omit<Volume, "name">,
  spec: Partial<NonNullable<Pod["spec"]>> = {},
): Promise<VolumeSpec> {
  const pod: Pod = {
    metadata: {
      uid: "u",
      namespace: "shop",
      name: "web-0",
      labels: { zone: "b", app: "web" },
      annotations: { note: "two\nlines" },
    },
    spec: {
      containers: [{ name: "web", resources: { limits: { memory: "64Mi" } } }],
      ...spec,
    },
  };
  const objects = new TokenObjects({ configMaps, secrets });
  const { signal } = new AbortController();
  const context = { ...view, objects, signal };
  return await filesVolume({ name: "v", ...volume }, pod, context);
}

/** `path mode content` of each file; content that is not text in hex. */
function filesOf(volume: VolumeSpec): readonly string[] {
  assert.equal(volume.kind, "files");
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
  Deno.test(`filesVolume() ${claim}`, async () => {
    const found = await volumeOf(volume, spec);
    assert.deepEqual(filesOf(found), want);
    assert.equal(found.kind === "files" && found.secret, secret);
  });
}

const tokenOwners: readonly (readonly [
  claim: string,
  spec: Partial<NonNullable<Pod["spec"]>>,
  want: { mode: number; uid?: number },
])[] = [
  ["for all without a user or a group", {}, { mode: 0o644 }],
  [
    "readable by the group with fsGroup",
    { securityContext: { fsGroup: 1000 } },
    { mode: 0o640 },
  ],
  [
    "owned by the one user of all",
    { securityContext: { runAsUser: 1 } },
    { mode: 0o600, uid: 1 },
  ],
  [
    "owned by the one user, and readable by the group",
    { securityContext: { runAsUser: 1, fsGroup: 2 } },
    { mode: 0o640, uid: 1 },
  ],
  ["owned by the user that each container names", {
    initContainers: [{ name: "i", securityContext: { runAsUser: 1 } }],
    containers: [{ name: "c", securityContext: { runAsUser: 1 } }],
  }, { mode: 0o600, uid: 1 }],
  ["for all with several users", {
    securityContext: { runAsUser: 1 },
    containers: [
      { name: "c" },
      { name: "d", securityContext: { runAsUser: 2 } },
    ],
  }, { mode: 0o644 }],
  ["for all where one container runs as its image says", {
    containers: [
      { name: "c" },
      { name: "d", securityContext: { runAsUser: 2 } },
    ],
  }, { mode: 0o644 }],
];
for (const [claim, spec, want] of tokenOwners) {
  Deno.test(`filesVolume() makes a token ${claim}`, async () => {
    const sources = [{ serviceAccountToken: { path: "token" } }];
    const found = await volumeOf({ projected: { sources } }, spec);
    assert.ok(found.kind === "files");
    const [{ path: _, content: __, ...owner }] = found.files as [
      typeof found.files[number],
    ];
    assert.deepEqual(owner, want);
  });
}

Deno.test("filesVolume() lets the group of fsGroup read every file", async () => {
  const found = await volumeOf({
    secret: { secretName: "credentials", defaultMode: 0o400 },
  }, { securityContext: { fsGroup: 2000 } });
  assert.deepEqual(
    filesOf(found).map((file) => file.slice(0, -4).split(" ")[1]),
    [
      "440",
      "440",
    ],
  );
  assert.equal(found.kind === "files" && found.fsGroup, 2000);
});
