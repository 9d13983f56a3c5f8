import assert from "node:assert/strict";
import type { Container, Pod, PodSpec } from "../k8s/types.ts";
import { RuntimeError } from "../providers/errors.ts";
import type { SecuritySettings } from "../providers/container_spec.ts";
import type { LocalImage } from "../providers/runtime.ts";
import { desiredPod } from "./pod_spec.ts";
import { commonUser, securitySettings } from "./security.ts";

type Shared = PodSpec["securityContext"];
type Own = Container["securityContext"];

function settings(
  shared: Shared,
  own: Own,
  { user, annotations }: {
    user?: LocalImage["user"];
    annotations?: Record<string, string>;
  } = {},
): SecuritySettings {
  const app: Container = { name: "app", image: "a:1" };
  const pod: Pod = {
    metadata: { uid: "u1", namespace: "shop", name: "web", ...{ annotations } },
    spec: {
      containers: [own ? { ...app, securityContext: own } : app],
      ...(shared ? { securityContext: shared } : {}),
    },
  } as Pod;
  const desired = desiredPod(pod);
  const [container] = desired.containers;
  assert.ok(container);
  const image = user === undefined ? {} : { user };
  return securitySettings(desired, container, image);
}

const plain: SecuritySettings = {
  supplementalGroups: [],
  privileged: false,
  readOnlyRootFilesystem: false,
  allowPrivilegeEscalation: true,
  capabilities: { add: [], drop: [] },
};

const rows: readonly (readonly [
  claim: string,
  shared: Shared,
  own: Own,
  want: Partial<SecuritySettings>,
])[] = [
  ["is plain for a pod that says nothing", undefined, undefined, {}],
  ["takes the user and group of the pod", { runAsUser: 1, runAsGroup: 2 }, {}, {
    runAsUser: 1,
    runAsGroup: 2,
  }],
  ["lets the container's count over the pod's", {
    runAsUser: 1,
    runAsGroup: 2,
    seccompProfile: { type: "Unconfined" },
    seLinuxOptions: { level: "s0" },
  }, {
    runAsUser: 0,
    runAsGroup: 4,
    seccompProfile: { type: "Localhost", localhostProfile: "a.json" },
    seLinuxOptions: { type: "t" },
  }, {
    runAsUser: 0,
    runAsGroup: 4,
    seccomp: { kind: "localhost", profile: "a.json" },
    seLinux: { type: "t" },
  }],
  [
    "adds fsGroup to the groups, once",
    { fsGroup: 5, supplementalGroups: [6, 5] },
    {},
    { supplementalGroups: [5, 6] },
  ],
  [
    "takes capabilities as they are",
    {},
    { capabilities: { add: ["NET_ADMIN"], drop: ["ALL"] } },
    { capabilities: { add: ["NET_ADMIN"], drop: ["ALL"] } },
  ],
  [
    "forbids to gain privileges",
    {},
    { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
    { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
  ],
  [
    "lets a privileged container gain what it has anyway",
    {},
    { privileged: true, allowPrivilegeEscalation: false },
    { privileged: true },
  ],
  [
    "lets one with SYS_ADMIN gain what it has anyway",
    {},
    { capabilities: { add: ["SYS_ADMIN"] }, allowPrivilegeEscalation: false },
    { capabilities: { add: ["SYS_ADMIN"], drop: [] } },
  ],
  [
    "knows the default profiles",
    {
      seccompProfile: { type: "RuntimeDefault" },
      appArmorProfile: { type: "RuntimeDefault" },
    },
    undefined,
    {
      seccomp: { kind: "runtimeDefault" },
      appArmor: { kind: "runtimeDefault" },
    },
  ],
];
for (const [claim, shared, own, want] of rows) {
  Deno.test(`securitySettings() ${claim}`, () => {
    assert.deepEqual(settings(shared, own), { ...plain, ...want });
  });
}

const key = "container.apparmor.security.beta.kubernetes.io/app";
const annotated: readonly (readonly [string, SecuritySettings["appArmor"]])[] =
  [
    ["unconfined", { kind: "unconfined" }],
    ["runtime/default", { kind: "runtimeDefault" }],
    ["localhost/mine", { kind: "localhost", profile: "mine" }],
    ["nonsense", undefined],
  ];
for (const [value, want] of annotated) {
  Deno.test(`securitySettings() reads the AppArmor annotation ${value}`, () => {
    const annotations = { [key]: value };
    assert.deepEqual(settings({}, {}, { annotations }).appArmor, want);
  });
}

Deno.test("securitySettings() takes the annotation over the pod's AppArmor field, and the container's over both", () => {
  const annotations = { [key]: "unconfined" };
  const shared = { appArmorProfile: { type: "RuntimeDefault" } };
  const own = {
    appArmorProfile: { type: "Localhost", localhostProfile: "mine" },
  };
  assert.deepEqual(settings(shared, {}, { annotations }).appArmor, {
    kind: "unconfined",
  });
  assert.deepEqual(settings(shared, own, { annotations }).appArmor, {
    kind: "localhost",
    profile: "mine",
  });
});

const where = '(pod: "web_shop(u1)", container: app)';
const roots: readonly (readonly [
  shared: Shared,
  own: Own,
  user: LocalImage["user"],
  want: string | undefined,
])[] = [
  [{}, { runAsNonRoot: true }, undefined, "image will run as root"],
  [{ runAsNonRoot: true }, {}, 0, "image will run as root"],
  [
    { runAsNonRoot: true },
    {},
    "nginx",
    "image has non-numeric user (nginx), cannot verify user is non-root",
  ],
  [
    { runAsNonRoot: true },
    {},
    "root",
    "image has non-numeric user (root), cannot verify user is non-root",
  ],
  [{ runAsNonRoot: true }, {}, "0:0", "image will run as root"],
  [{ runAsNonRoot: true }, {}, 1000, undefined],
  [{ runAsNonRoot: true }, {}, "1000:1000", undefined],
  [{ runAsNonRoot: true }, { runAsNonRoot: false }, 0, undefined],
  [{ runAsNonRoot: true, runAsUser: 7 }, {}, "nginx", undefined],
];
for (const [shared, own, user, want] of roots) {
  const asked = JSON.stringify({ shared, own, user });
  Deno.test(`securitySettings() with ${asked}: ${want ?? "runs"}`, () => {
    const run = () => settings(shared, own, user === undefined ? {} : { user });
    if (want === undefined) return void run();
    assert.throws(run, (error) => {
      assert.ok(error instanceof RuntimeError);
      assert.equal(error.reason, "CreateContainerConfigError");
      const message = `container has runAsNonRoot and ${want} ${where}`;
      assert.equal(error.message, message);
      return true;
    });
  });
}

Deno.test("securitySettings() refuses the pod's own root where root is forbidden", () => {
  assert.throws(() => settings({ runAsUser: 0, runAsNonRoot: true }, {}), {
    message: `container's runAsUser breaks non-root policy ${where}`,
  });
});

Deno.test("commonUser() is the user of all containers, if the pod says so of each", () => {
  const of = (...users: (number | undefined)[]) =>
    commonUser({
      spec: {
        containers: users.map((runAsUser, i) => ({
          name: `c${i}`,
          securityContext: runAsUser === undefined ? {} : { runAsUser },
        })),
      },
    });
  assert.equal(of(5, 5), 5);
  assert.equal(of(0), 0);
  assert.equal(of(5, 6), undefined);
  assert.equal(of(5, undefined), undefined);
});
