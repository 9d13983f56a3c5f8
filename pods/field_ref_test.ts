import assert from "node:assert/strict";
import fc from "fast-check";
import type { Container, Pod } from "../k8s/types.ts";
import { fieldValue, formatMap, resourceValue } from "./field_ref.ts";

const pod: Pod = {
  metadata: {
    name: "web-0",
    namespace: "shop",
    uid: "4f3a",
    labels: { zone: "us-est-coast", app: "web", "app.kubernetes.io/name": "w" },
    annotations: { build: "two", "a[b]c": "odd", builder: "john-doe" },
  },
  spec: {
    nodeName: "far-1",
    serviceAccountName: "shopper",
    initContainers: [{
      name: "setup",
      resources: { limits: { memory: "64Mi" } },
    }],
    containers: [
      {
        name: "web",
        resources: {
          requests: {
            cpu: "125m",
            memory: "32Mi",
            "ephemeral-storage": "1Gi",
          },
          limits: {
            cpu: "250m",
            memory: "64Mi",
            "ephemeral-storage": "2Gi",
            "hugepages-2Mi": "4Mi",
          },
        },
      },
      { name: "free", resources: { limits: { memory: "0" } } },
      { name: "limited", resources: { limits: { cpu: "2", memory: "1Gi" } } },
    ],
  },
};
const view = {
  ips: ["10.0.0.5", "fd00::5"],
  node: {
    ips: ["192.0.2.1", "2001:db8::1"],
    allocatable: { cpu: "4", memory: "8Gi", "ephemeral-storage": "100Gi" },
  },
};

const fields: readonly (readonly [path: string, want: string])[] = [
  ["metadata.name", "web-0"],
  ["metadata.namespace", "shop"],
  ["metadata.uid", "4f3a"],
  [
    "metadata.labels",
    'app="web"\napp.kubernetes.io/name="w"\nzone="us-est-coast"',
  ],
  ["metadata.annotations", 'a[b]c="odd"\nbuild="two"\nbuilder="john-doe"'],
  ["metadata.labels['zone']", "us-est-coast"],
  ["metadata.labels['absent']", ""],
  ["metadata.labels['constructor']", ""],
  ["metadata.annotations['a[b]c']", "odd"],
  ["spec.nodeName", "far-1"],
  ["spec.host", "far-1"],
  ["spec.serviceAccountName", "shopper"],
  ["status.podIP", "10.0.0.5"],
  ["status.podIPs", "10.0.0.5,fd00::5"],
  ["status.hostIP", "192.0.2.1"],
  ["status.hostIPs", "192.0.2.1,2001:db8::1"],
];
for (const [path, want] of fields) {
  Deno.test(`fieldValue() knows ${path}`, () => {
    assert.equal(fieldValue(pod, path, view), want);
  });
}

const unknown: readonly (readonly [path: string, message: RegExp])[] = [
  ["status.phase", /^unsupported fieldPath: status\.phase$/],
  ["metadata.name['a']", /"metadata\.name" does not support subscript/],
  ["metadata.labels['a", /unsupported fieldPath/],
];
for (const [path, message] of unknown) {
  Deno.test(`fieldValue() refuses ${path} by name`, () => {
    assert.throws(() => fieldValue(pod, path, view), {
      name: "RangeError",
      message,
    });
  });
}

Deno.test("fieldValue() is empty for an address that is not known yet", () => {
  const none = { ips: [], node: { ips: [], allocatable: {} } };
  assert.equal(fieldValue(pod, "status.podIP", none), "");
  assert.equal(fieldValue(pod, "status.hostIPs", none), "");
});

const resources: readonly (readonly [
  container: string,
  resource: string,
  divisor: string | undefined,
  want: string,
])[] = [
  ["web", "limits.cpu", undefined, "1"],
  ["web", "limits.cpu", "1m", "250"],
  ["web", "requests.cpu", "0", "1"],
  ["web", "requests.cpu", "100m", "2"],
  ["web", "limits.memory", undefined, "67108864"],
  ["web", "limits.memory", "1Mi", "64"],
  ["web", "requests.memory", "1Gi", "1"],
  ["web", "limits.ephemeral-storage", "1Gi", "2"],
  ["web", "requests.ephemeral-storage", "1", "1073741824"],
  ["web", "limits.hugepages-2Mi", "1Mi", "4"],
  ["free", "limits.hugepages-2Mi", "1Mi", "0"],
  ["free", "limits.cpu", "1m", "4000"],
  ["free", "limits.memory", "1Gi", "8"],
  ["free", "limits.ephemeral-storage", "1Gi", "100"],
  ["free", "requests.cpu", "1m", "0"],
  ["limited", "requests.cpu", "1m", "2000"],
  ["setup", "limits.memory", "1Mi", "64"],
];
for (const [containerName, resource, divisor, want] of resources) {
  Deno.test(`resourceValue() of ${containerName} counts ${resource} by ${divisor ?? "default"}: ${want}`, () => {
    const selector = {
      containerName,
      resource,
      ...(divisor === undefined ? {} : { divisor }),
    };
    assert.equal(resourceValue(pod, selector, view), want);
  });
}

Deno.test("resourceValue() takes the asking container when none is named", () => {
  const own: Container = {
    name: "web",
    resources: { limits: { cpu: "250m" } },
  };
  const selector = { resource: "limits.cpu", divisor: "1m" };
  assert.equal(
    resourceValue(pod, selector, { own, node: view.node }),
    "250",
  );
});

Deno.test("resourceValue() refuses an unknown container or resource by name", () => {
  const cpu = { containerName: "nobody", resource: "limits.cpu" };
  assert.throws(
    () => resourceValue(pod, cpu, view),
    /^RangeError: container nobody not found$/,
  );
  const gpu = { containerName: "web", resource: "limits.nvidia.com/gpu" };
  assert.throws(
    () => resourceValue(pod, gpu, view),
    /unsupported container resource : limits\.nvidia\.com\/gpu$/,
  );
});

const quoted: readonly (readonly [value: string, want: string])[] = [
  ['say "hi"\\', '"say \\"hi\\"\\\\"'],
  ["a\nb\tc\r\x07\b\f\v", '"a\\nb\\tc\\r\\a\\b\\f\\v"'],
  ["\0\x1f\x7f", '"\\x00\\x1f\\x7f"'],
  ["é 日本 😀", '"é 日本 😀"'],
  ["a\u00a0b\u200b", '"a\\u00a0b\\u200b"'],
  ["\u{e0001}", '"\\U000e0001"'],
];
for (const [value, want] of quoted) {
  Deno.test(`formatMap() writes a value as Go's %q does: ${want}`, () => {
    assert.equal(formatMap(new Map([["k", value]])), `k=${want}`);
  });
}

Deno.test("formatMap() has one line for each key, whatever the values hold", () => {
  const maps = fc.dictionary(
    fc.stringMatching(/^[a-z]{1,8}$/),
    fc.string({ unit: "binary" }),
  );
  fc.assert(fc.property(maps, (map) => {
    const lines = formatMap(new Map(Object.entries(map))).split("\n");
    const keys = lines.map((line) => line.split("=")[0]);
    assert.deepEqual(
      keys,
      Object.keys(map).length === 0 ? [""] : Object.keys(map).sort(),
    );
  }));
});
