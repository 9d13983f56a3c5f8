import assert from "node:assert/strict";
import type {
  ConfigMap,
  Container,
  Pod,
  Secret,
  Service,
} from "../k8s/types.ts";
import { RuntimeError } from "../providers/errors.ts";
import {
  environment,
  expandCommand,
  resolveEnvironment,
} from "./environment.ts";
import { FileObjects } from "./file_objects.ts";

const view = {
  ips: ["10.0.0.5"],
  node: { ips: ["192.0.2.1"], allocatable: { cpu: "4", memory: "8Gi" } },
};
const services: readonly Service[] = [{
  metadata: { name: "kubernetes", namespace: "default" },
  spec: { clusterIP: "10.0.0.1", ports: [{ name: "https", port: 443 }] },
}];
const configMaps: readonly ConfigMap[] = [
  {
    metadata: { name: "config", namespace: "shop" },
    data: { LEVEL: "debug", SHARED: "config", "dotted.key": "yes" },
  },
  {
    metadata: { name: "more", namespace: "shop" },
    data: { SHARED: "more" },
  },
];
const secrets: readonly Secret[] = [{
  metadata: { name: "credentials", namespace: "shop" },
  data: { USER: btoa("admin"), PASSWORD: "Z3LDvG4g8J+Yvg==", BOM: "77u/eA==" },
}];

/** The environment without the variables of Services, unless `links`. */
function env(
  container: Partial<Container>,
  { spec, links }: {
    readonly spec?: Partial<NonNullable<Pod["spec"]>>;
    readonly links?: boolean;
  } = {},
): Readonly<Record<string, string>> {
  const full = { name: "web", ...container };
  return environment({
    ...view,
    pod: {
      metadata: {
        uid: "u",
        namespace: "shop",
        name: "web-0",
        labels: { app: "web" },
      },
      spec: { ...spec, containers: [full] },
    },
    container: full,
    services: links ? services : [],
    objects: {
      configMaps: new Map(configMaps.map((m) => [m.metadata?.name ?? "", m])),
      secrets: new Map(secrets.map((m) => [m.metadata?.name ?? "", m])),
    },
  });
}

interface Row {
  readonly claim: string;
  readonly container: Partial<Container>;
  readonly want: Readonly<Record<string, string>>;
}

const rows: readonly Row[] = [
  {
    claim: "expands variables that come earlier, and only those",
    container: {
      env: [
        { name: "UNCHANGED", value: "$(PROTOCOL)://x" },
        { name: "PROTOCOL", value: "https" },
        { name: "ADDRESS", value: "$(PROTOCOL)://x" },
        { name: "ESCAPED", value: "$$(PROTOCOL)://x" },
      ],
    },
    want: {
      UNCHANGED: "$(PROTOCOL)://x",
      PROTOCOL: "https",
      ADDRESS: "https://x",
      ESCAPED: "$(PROTOCOL)://x",
    },
  },
  {
    claim: "takes the later of two with one name, and lets it use the earlier",
    container: {
      env: [{ name: "PATH", value: "/bin" }, {
        name: "PATH",
        value: "$(PATH):/usr/bin",
      }],
    },
    want: { PATH: "/bin:/usr/bin" },
  },
  {
    claim: "takes all keys of ConfigMaps and Secrets in order, env over them",
    container: {
      envFrom: [
        { configMapRef: { name: "config" } },
        { configMapRef: { name: "more" } },
        { secretRef: { name: "credentials" }, prefix: "DB_" },
      ],
      env: [{ name: "LEVEL", value: "$(SHARED)-$(DB_USER)" }],
    },
    want: {
      LEVEL: "more-admin",
      SHARED: "more",
      "dotted.key": "yes",
      DB_USER: "admin",
      DB_PASSWORD: "grün 😾",
      DB_BOM: "\ufeffx",
    },
  },
  {
    claim: "skips absent objects that are optional",
    container: {
      envFrom: [
        { configMapRef: { name: "none", optional: true } },
        { secretRef: { name: "none", optional: true } },
      ],
      env: [
        {
          name: "A",
          valueFrom: {
            configMapKeyRef: { name: "none", key: "k", optional: true },
          },
        },
        {
          name: "B",
          valueFrom: {
            secretKeyRef: { name: "credentials", key: "k", optional: true },
          },
        },
        { name: "C", value: "$(A)" },
      ],
    },
    want: { C: "$(A)" },
  },
  {
    claim: "reads single keys",
    container: {
      env: [
        {
          name: "A",
          valueFrom: { configMapKeyRef: { name: "config", key: "LEVEL" } },
        },
        {
          name: "B",
          valueFrom: { secretKeyRef: { name: "credentials", key: "USER" } },
        },
      ],
    },
    want: { A: "debug", B: "admin" },
  },
  {
    claim: "knows the pod, the node and the container's own resources",
    container: {
      resources: { limits: { cpu: "500m" } },
      env: [
        {
          name: "NAME",
          valueFrom: { fieldRef: { fieldPath: "metadata.name" } },
        },
        { name: "IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
        {
          name: "HOST",
          valueFrom: { fieldRef: { fieldPath: "status.hostIP" } },
        },
        {
          name: "APP",
          valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } },
        },
        {
          name: "CPU",
          valueFrom: {
            resourceFieldRef: { resource: "limits.cpu", divisor: "1m" },
          },
        },
        {
          name: "MEMORY",
          valueFrom: {
            resourceFieldRef: { resource: "limits.memory", divisor: "1Gi" },
          },
        },
      ],
    },
    want: {
      NAME: "web-0",
      IP: "10.0.0.5",
      HOST: "192.0.2.1",
      APP: "web",
      CPU: "500",
      MEMORY: "8",
    },
  },
  {
    claim: "keeps empty values, and value before valueFrom when both are set",
    container: {
      env: [
        { name: "EMPTY" },
        { name: "EMPTY_TOO", value: "", valueFrom: {} },
        {
          name: "BOTH",
          value: "v",
          valueFrom: { fieldRef: { fieldPath: "metadata.name" } },
        },
      ],
    },
    want: { EMPTY: "", EMPTY_TOO: "", BOTH: "v" },
  },
  {
    claim: "allows every name that a process can have, as Kubernetes 1.34",
    container: {
      env: [{ name: "-8 odd.name:*", value: "1" }, {
        name: "__proto__",
        value: "2",
      }],
    },
    want: Object.fromEntries([["-8 odd.name:*", "1"], ["__proto__", "2"]]),
  },
];
for (const { claim, container, want } of rows) {
  Deno.test(`environment() ${claim}`, () => {
    assert.deepEqual(env(container), want);
  });
}

const failures: readonly (readonly [
  message: string,
  container: Partial<Container>,
])[] = [
  ['configmap "none" not found', {
    envFrom: [{ configMapRef: { name: "none" } }],
  }],
  ['secret "none" not found', { envFrom: [{ secretRef: { name: "none" } }] }],
  ['configmap "none" not found', {
    env: [{
      name: "A",
      valueFrom: { configMapKeyRef: { name: "none", key: "k" } },
    }],
  }],
  ["couldn't find key k in ConfigMap shop/config", {
    env: [{
      name: "A",
      valueFrom: { configMapKeyRef: { name: "config", key: "k" } },
    }],
  }],
  ["couldn't find key k in Secret shop/credentials", {
    env: [{
      name: "A",
      valueFrom: { secretKeyRef: { name: "credentials", key: "k" } },
    }],
  }],
  ["unsupported fieldPath: status.phase", {
    env: [{
      name: "A",
      valueFrom: { fieldRef: { fieldPath: "status.phase" } },
    }],
  }],
  [
    'Cannot set environment variable "A=B": the name is empty or has "="',
    { env: [{ name: "A=B", value: "1" }] },
  ],
];
for (const [message, container] of failures) {
  const where = container.env ? "env" : "envFrom";
  Deno.test(`environment() fails with the kubelet's message (${where}): ${message}`, () => {
    assert.throws(() => env(container), { message });
  });
}

Deno.test("environment() names a source of values that it does not know", () => {
  const valueFrom: object = { newRef: { key: "k" } };
  assert.throws(
    () => env({ env: [{ name: "A", valueFrom }] }),
    /"A": valueFrom\.newRef is not supported/,
  );
});

Deno.test("environment() has variables of Services that others may use and replace", () => {
  const found = env({
    env: [
      { name: "API", value: "https://$(KUBERNETES_SERVICE_HOST)" },
      { name: "KUBERNETES_SERVICE_PORT", value: "1" },
    ],
  }, { links: true });
  assert.equal(found["API"], "https://10.0.0.1");
  assert.equal(found["KUBERNETES_SERVICE_HOST"], "10.0.0.1");
  assert.equal(found["KUBERNETES_SERVICE_PORT_HTTPS"], "443");
  assert.equal(found["KUBERNETES_SERVICE_PORT"], "1");
});

Deno.test("environment() has KUBERNETES_SERVICE_HOST also without service links", () => {
  const spec = { enableServiceLinks: false };
  const found = env({}, { spec, links: true });
  assert.equal(found["KUBERNETES_SERVICE_HOST"], "10.0.0.1");
});

Deno.test("expandCommand() replaces what the environment has and no more", () => {
  assert.deepEqual(
    expandCommand(["$(A)", "$(B)", "$$(A)", "$(constructor)"], { A: "1" }),
    ["1", "$(B)", "$(A)", "$(constructor)"],
  );
});

const container: Container = {
  name: "web",
  env: [{
    name: "A",
    valueFrom: { configMapKeyRef: { name: "config", key: "LEVEL" } },
  }],
};
const input = {
  ...view,
  container,
  pod: { metadata: { uid: "u", namespace: "shop", name: "web-0" } },
};

Deno.test("resolveEnvironment() reads what the container refers to", async () => {
  const { signal } = new AbortController();
  const objects = new FileObjects({ configMaps, secrets });
  const found = await resolveEnvironment(input, objects, { signal });
  assert.deepEqual(found, { A: "debug" });
});

Deno.test("resolveEnvironment() fails with CreateContainerConfigError", async () => {
  const { signal } = new AbortController();
  const objects = new FileObjects({ configMaps: [], secrets: [] });
  const reason = await resolveEnvironment(input, objects, { signal })
    .catch((error) => error);
  assert.ok(reason instanceof RuntimeError);
  assert.equal(reason.reason, "CreateContainerConfigError");
  assert.equal(reason.message, 'configmap "config" not found');
});

Deno.test("resolveEnvironment() rejects with the signal's reason when aborted", async () => {
  const objects = new FileObjects({ configMaps: [], secrets: [] });
  const signal = AbortSignal.abort(new Error("enough"));
  await assert.rejects(
    resolveEnvironment(input, objects, { signal }),
    /^Error: enough$/,
  );
});
