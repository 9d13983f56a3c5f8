import assert from "node:assert/strict";
import type { Pod, PodSpec, Service } from "../k8s/types.ts";
import type { DnsSettings, SandboxSpec } from "../providers/container_spec.ts";
import { podDns } from "./dns.ts";
import { sandboxSpec } from "./sandbox_spec.ts";

const clusterDns = { servers: ["10.96.0.10"], domain: "cluster.local" };
const noDns = { servers: [], domain: "cluster.local" };

function podOf(spec: Partial<PodSpec> = {}, name = "web-0"): Pod {
  return {
    metadata: { uid: "u1", namespace: "shop", name },
    spec: { containers: [], ...spec },
  };
}

function sandbox(
  spec: Partial<PodSpec> = {},
  { name = "web-0", services = [] as readonly Service[] } = {},
): SandboxSpec {
  return sandboxSpec(podOf(spec, name), { clusterDns, services });
}

const host = { hostServers: true, hostSearches: true };
const own = { hostServers: false, hostSearches: false };
const cluster: DnsSettings = {
  hostServers: false,
  hostSearches: true,
  servers: ["10.96.0.10"],
  searches: ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"],
  options: ["ndots:5"],
};
const empty = { servers: [], searches: [], options: [] };

const policies: readonly (readonly [string, Partial<PodSpec>, DnsSettings])[] =
  [
    ["the cluster's for no policy", {}, cluster],
    ["the host's for Default", { dnsPolicy: "Default" }, { ...host, ...empty }],
    ["none for None", { dnsPolicy: "None" }, { ...own, ...empty }],
    [
      "the host's for ClusterFirst on the host's network",
      { hostNetwork: true, dnsPolicy: "ClusterFirst" },
      { ...host, ...empty },
    ],
    [
      "the cluster's for ClusterFirstWithHostNet",
      { hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" },
      cluster,
    ],
    ["that of dnsConfig for None", {
      dnsPolicy: "None",
      dnsConfig: {
        nameservers: ["192.0.2.1"],
        searches: ["example.com"],
        options: [{ name: "ndots", value: "2" }, { name: "edns0" }],
      },
    }, {
      ...own,
      servers: ["192.0.2.1"],
      searches: ["example.com"],
      options: ["ndots:2", "edns0"],
    }],
    ["the cluster's with dnsConfig merged into it, without repeats", {
      dnsConfig: {
        nameservers: ["10.96.0.10", "192.0.2.1"],
        searches: ["cluster.local", "example.com"],
        options: [{ name: "ndots", value: "1" }, { name: "edns0" }],
      },
    }, {
      ...cluster,
      servers: ["10.96.0.10", "192.0.2.1"],
      searches: [...cluster.searches, "example.com"],
      options: ["ndots:1", "edns0"],
    }],
  ];
for (const [claim, spec, want] of policies) {
  Deno.test(`podDns() is ${claim}`, () => {
    const { settings, isClusterDnsMissing } = podDns(podOf(spec), clusterDns);
    assert.deepEqual(settings, want);
    assert.equal(isClusterDnsMissing, false);
  });
}

Deno.test("podDns() falls back to the host's, and says so, where the cluster's is not known", () => {
  const { settings, isClusterDnsMissing } = podDns(podOf(), noDns);
  assert.deepEqual(settings, { ...host, ...empty });
  assert.equal(isClusterDnsMissing, true);
  const asked = podDns(podOf({ dnsPolicy: "Default" }), noDns);
  assert.equal(asked.isClusterDnsMissing, false);
});

Deno.test("sandboxSpec() shares nothing with the host unless the pod says so", () => {
  const { network, ipc, pid, ports, sysctls, hostAliases } = sandbox();
  assert.deepEqual(
    { network, ipc, pid, ports, sysctls, hostAliases },
    {
      network: "pod",
      ipc: "pod",
      pid: "container",
      ports: [],
      sysctls: {},
      hostAliases: [],
    },
  );
  const shared = sandbox({ hostNetwork: true, hostIPC: true, hostPID: true });
  assert.equal(shared.network, "host");
  assert.equal(shared.ipc, "host");
  assert.equal(shared.pid, "host");
  assert.equal(sandbox({ shareProcessNamespace: true }).pid, "pod");
});

const long = "a".repeat(62);
const hostnames: readonly (readonly [
  spec: Partial<PodSpec>,
  name: string,
  hostname: string,
  fullHostname: string | undefined,
])[] = [
  [{}, "web-0", "web-0", undefined],
  [{ hostname: "db" }, "web-0", "db", undefined],
  [{}, `${long}-.b`, long, undefined],
  [{ subdomain: "web" }, "web-0", "web-0", "web-0.web.shop.svc.cluster.local"],
  [
    { hostname: "db", subdomain: "web", setHostnameAsFQDN: true },
    "web-0",
    "db.web.shop.svc.cluster.local",
    "db.web.shop.svc.cluster.local",
  ],
  [{ setHostnameAsFQDN: true }, "web-0", "web-0", undefined],
];
for (const [spec, name, hostname, fullHostname] of hostnames) {
  Deno.test(`sandboxSpec() of ${name} with ${JSON.stringify(spec)} is host ${hostname}`, () => {
    const found = sandbox(spec, { name });
    assert.equal(found.hostname, hostname);
    assert.equal(found.fullHostname, fullHostname);
  });
}

Deno.test("sandboxSpec() fails as the kubelet does for a full name that no kernel takes", () => {
  const spec = { subdomain: "web", setHostnameAsFQDN: true };
  assert.throws(() => sandbox(spec, { name: long }), {
    name: "RangeError",
    message:
      `failed to construct FQDN from pod hostname and cluster domain, FQDN ${long}.web.shop.svc.cluster.local is too long (64 characters is the max, 89 characters requested)`,
  });
});

Deno.test("sandboxSpec() maps the ports that the host answers on, each once", () => {
  const port = { containerPort: 80, hostPort: 8080 };
  const { ports } = sandbox({
    containers: [
      {
        name: "a",
        ports: [
          port,
          { containerPort: 81 },
          { ...port, protocol: "UDP", hostIP: "192.0.2.1" },
        ],
      },
      { name: "b", ports: [port] },
    ],
  });
  assert.deepEqual(ports, [
    { containerPort: 80, hostPort: 8080, protocol: "TCP" },
    {
      containerPort: 80,
      hostPort: 8080,
      hostIp: "192.0.2.1",
      protocol: "UDP",
    },
  ]);
});

Deno.test("sandboxSpec() writes sysctls with dots, as the kernel's files are named otherwise", () => {
  const { sysctls } = sandbox({
    securityContext: {
      sysctls: [
        { name: "net.core.somaxconn", value: "1024" },
        { name: "net/ipv4/conf/eno2.100/rp_filter", value: "1" },
        { name: "net.ipv4.conf.eno2/100.rp_filter", value: "0" },
      ],
    },
  });
  assert.deepEqual(sysctls, {
    "net.core.somaxconn": "1024",
    "net.ipv4.conf.eno2/100.rp_filter": "0",
  });
});

Deno.test("sandboxSpec() knows the API server's Service, and no other of that name", () => {
  const service = (namespace: string, clusterIP: string): Service => ({
    metadata: { namespace, name: "kubernetes" },
    spec: { clusterIP, ports: [{ port: 443 }] },
  });
  const services = [
    service("shop", "10.96.0.7"),
    service("default", "10.96.0.1"),
  ];
  assert.deepEqual(sandbox({}, { services }).apiServer, {
    ip: "10.96.0.1",
    port: 443,
  });
  assert.equal(sandbox().apiServer, undefined);
});
