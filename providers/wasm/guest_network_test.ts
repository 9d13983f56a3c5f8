import assert from "node:assert/strict";
import { guestNetwork } from "./guest_network.ts";
import { machineAddresses } from "./machine_addresses.ts";
import { noNetwork } from "./pod_network.ts";

const own = { ...noNetwork, ip: "198.18.0.5" };
const http = { port: 80, name: "http" };

Deno.test("guestNetwork() lets a guest listen on the pod's address for each of its ports", () => {
  const { listeners } = guestNetwork(own, {
    containerPorts: [http, { port: 81 }],
  }, false);
  assert.deepEqual(listeners, [
    { hostname: "198.18.0.5", port: 80, name: "http" },
    { hostname: "198.18.0.5", port: 81 },
  ]);
  assert.deepEqual(guestNetwork(own, {}, false).listeners, []);
});

Deno.test("guestNetwork() lets a server listen on its first port, else on 8080", () => {
  const ports = { containerPorts: [http, { port: 81 }] };
  const first = guestNetwork(own, ports, true).listeners;
  assert.deepEqual(first?.map(({ port }) => port), [80]);
  const fallback = guestNetwork(own, {}, true).listeners;
  assert.deepEqual(fallback, [{ hostname: "198.18.0.5", port: 8080 }]);
});

Deno.test("guestNetwork() adds the addresses of host ports to those of their container ports", () => {
  const hostPorts = [
    { containerPort: 80, hostPort: 8000, protocol: "TCP" as const },
    {
      ...{ containerPort: 81, hostPort: 8001, protocol: "TCP" as const },
      hostIp: "127.0.0.1",
    },
    { containerPort: 81, hostPort: 8002, protocol: "UDP" as const },
  ];
  const containerPorts = [http, { port: 81 }];
  const network = { ...own, hostPorts };
  const { listeners } = guestNetwork(network, { containerPorts }, false);
  assert.deepEqual(
    listeners?.map(({ hostname, port }) => `${hostname}:${port}`),
    [
      "198.18.0.5:80",
      ...machineAddresses("ipv4").map((address) => `${address}:8000`),
      "198.18.0.5:81",
      "127.0.0.1:8001",
    ],
  );
});

Deno.test("guestNetwork() has guests of the host's network listen on the machine's addresses", () => {
  const network = { ...noNetwork, isHost: true };
  const { listeners } = guestNetwork(network, {}, true);
  assert.deepEqual(
    listeners,
    machineAddresses("ipv4").map((hostname) => ({ hostname, port: 8080 })),
  );
});

Deno.test("guestNetwork() falls back on 127.0.0.1 where pods have no address", () => {
  const { listeners, allowedHosts } = guestNetwork(undefined, {}, true);
  assert.deepEqual(listeners, [{ hostname: "127.0.0.1", port: 8080 }]);
  assert.deepEqual(allowedHosts, []);
});

Deno.test("machineAddresses() begins with the loopback address and has each once", () => {
  const addresses = machineAddresses("ipv4");
  assert.equal(addresses[0], "127.0.0.1");
  assert.equal(new Set(addresses).size, addresses.length);
});
