import assert from "node:assert/strict";
import type { Service } from "../k8s/types.ts";
import {
  linkedServices,
  serviceVariables,
  withApiServer,
} from "./service_links.ts";

function service(
  name: string,
  spec: NonNullable<Service["spec"]>,
  namespace = "shop",
): Service {
  return { metadata: { name, namespace }, spec };
}

const redis = service("redis-primary", {
  clusterIP: "10.0.0.11",
  ports: [{ port: 6379 }],
});

Deno.test("serviceVariables() makes those of the Kubernetes documentation", () => {
  assert.deepEqual(Object.fromEntries(serviceVariables([redis])), {
    REDIS_PRIMARY_SERVICE_HOST: "10.0.0.11",
    REDIS_PRIMARY_SERVICE_PORT: "6379",
    REDIS_PRIMARY_PORT: "tcp://10.0.0.11:6379",
    REDIS_PRIMARY_PORT_6379_TCP: "tcp://10.0.0.11:6379",
    REDIS_PRIMARY_PORT_6379_TCP_PROTO: "tcp",
    REDIS_PRIMARY_PORT_6379_TCP_PORT: "6379",
    REDIS_PRIMARY_PORT_6379_TCP_ADDR: "10.0.0.11",
  });
});

Deno.test("serviceVariables() names every named port and takes the first as the port", () => {
  const dns = service("abc-123", {
    clusterIP: "5.6.7.8",
    ports: [
      { name: "u-d-p", port: 8081, protocol: "UDP" },
      { name: "t-c-p", port: 8082, protocol: "TCP" },
    ],
  });
  const variables = serviceVariables([dns]);
  assert.equal(variables.get("ABC_123_SERVICE_PORT"), "8081");
  assert.equal(variables.get("ABC_123_SERVICE_PORT_U_D_P"), "8081");
  assert.equal(variables.get("ABC_123_SERVICE_PORT_T_C_P"), "8082");
  assert.equal(variables.get("ABC_123_PORT"), "udp://5.6.7.8:8081");
  assert.equal(variables.get("ABC_123_PORT_8081_UDP_PROTO"), "udp");
  assert.equal(
    variables.get("ABC_123_PORT_8082_TCP"),
    "tcp://5.6.7.8:8082",
  );
});

Deno.test("serviceVariables() puts an IPv6 address in brackets before a port", () => {
  const six = service("v6", { clusterIP: "fd00::1", ports: [{ port: 80 }] });
  const variables = serviceVariables([six]);
  assert.equal(variables.get("V6_SERVICE_HOST"), "fd00::1");
  assert.equal(variables.get("V6_PORT"), "tcp://[fd00::1]:80");
});

Deno.test("serviceVariables() skips headless and external Services", () => {
  const variables = serviceVariables([
    service("headless", { clusterIP: "None", ports: [{ port: 80 }] }),
    service("external", { externalName: "example.com" }),
    service("empty", { clusterIP: "", ports: [{ port: 80 }] }),
  ]);
  assert.equal(variables.size, 0);
});

Deno.test("serviceVariables() does not depend on the order of Services", () => {
  const other = service("a", { clusterIP: "10.0.0.1", ports: [{ port: 1 }] });
  assert.deepEqual(
    [...serviceVariables([redis, other])],
    [...serviceVariables([other, redis])],
  );
});

const ip = { clusterIP: "10.0.0.1", ports: [{ port: 443 }] };
const services = [
  service("kubernetes", ip, "default"),
  service("web", ip, "default"),
  service("own", ip, "shop"),
  service("foreign", ip, "other"),
];
const linked: readonly (readonly [
  claim: string,
  namespace: string,
  enableServiceLinks: boolean,
  want: readonly string[],
])[] = [
  ["those of the namespace and kubernetes", "shop", true, [
    "kubernetes",
    "own",
  ]],
  ["kubernetes alone without links", "shop", false, ["kubernetes"]],
  ["all of default in default", "default", true, ["kubernetes", "web"]],
  ["kubernetes alone in default without links", "default", false, [
    "kubernetes",
  ]],
];
for (const [claim, namespace, enableServiceLinks, want] of linked) {
  Deno.test(`linkedServices() are ${claim}`, () => {
    const options = { namespace, enableServiceLinks };
    const names = linkedServices(services, options).map((s) =>
      s.metadata?.name
    );
    assert.deepEqual(names, want);
  });
}

Deno.test("linkedServices() prefers a kubernetes Service of the pod's own namespace", () => {
  const own = service("kubernetes", { ...ip, clusterIP: "10.9.9.9" });
  const options = { namespace: "shop", enableServiceLinks: true };
  for (const all of [[own, ...services], [...services, own]]) {
    const found = linkedServices(all, options)
      .find(({ metadata }) => metadata?.name === "kubernetes");
    assert.equal(found?.spec?.clusterIP, "10.9.9.9");
  }
});

Deno.test("withApiServer() says where the API server is, whatever its Service says, and nothing else", () => {
  const known = service("kubernetes", ip, "default");
  const others = [redis, service("kubernetes", ip, "shop")];
  const address = { host: "10.96.0.1", port: 6443 };
  const variables = (services: readonly Service[]) =>
    Object.fromEntries(serviceVariables(linkedServices(services, {
      namespace: "other",
      enableServiceLinks: true,
    })));
  const want = {
    KUBERNETES_SERVICE_HOST: "10.96.0.1",
    KUBERNETES_SERVICE_PORT: "6443",
    KUBERNETES_SERVICE_PORT_HTTPS: "6443",
    KUBERNETES_PORT: "tcp://10.96.0.1:6443",
    KUBERNETES_PORT_6443_TCP: "tcp://10.96.0.1:6443",
    KUBERNETES_PORT_6443_TCP_PROTO: "tcp",
    KUBERNETES_PORT_6443_TCP_PORT: "6443",
    KUBERNETES_PORT_6443_TCP_ADDR: "10.96.0.1",
  };
  assert.deepEqual(variables(withApiServer([known, ...others], address)), want);
  assert.deepEqual(variables(withApiServer(others, address)), want);
  const [first, second] = withApiServer([known, ...others], address);
  assert.deepEqual([first, second], others);
});
