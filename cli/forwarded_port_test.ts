import assert from "node:assert/strict";
import type { Pod } from "../k8s/types.ts";
import { listenAddresses, parseForwardedPort } from "./forwarded_port.ts";

const pod: Pod = {
  metadata: { name: "web" },
  spec: {
    containers: [{
      name: "app",
      ports: [
        { name: "http", containerPort: 80 },
        { containerPort: 53, protocol: "UDP" },
        { containerPort: 54, protocol: "UDP" },
        { containerPort: 54, protocol: "TCP" },
      ],
    }],
  },
};

for (
  const [text, local, remote] of [
    ["80", 80, 80],
    ["8080:80", 8080, 80],
    [":80", 0, 80],
    ["0:80", 0, 80],
    ["http", 80, 80],
    ["8080:http", 8080, 80],
    ["54", 54, 54],
  ] as const
) {
  Deno.test(`parseForwardedPort() reads ${text}`, () => {
    assert.deepEqual(parseForwardedPort(text, pod), { local, remote });
  });
}

for (
  const [text, message] of [
    ["", "remote port cannot be empty"],
    ["8080:", "remote port cannot be empty"],
    ["1:2:3", "invalid port format '1:2:3'"],
    ["0", "remote port must be > 0"],
    ["https", "Pod 'web' does not have a named port 'https'"],
    [
      "65536",
      "error parsing remote port '65536': expected a number up to 65535",
    ],
    [
      "http:80",
      "error parsing local port 'http': expected a number up to 65535",
    ],
    ["53", "UDP protocol is not supported for 53"],
  ] as const
) {
  Deno.test(`parseForwardedPort() refuses "${text}"`, () => {
    assert.throws(() => parseForwardedPort(text, pod), {
      name: "ConfigError",
      message,
    });
  });
}

Deno.test("listenAddresses() takes localhost for either loopback address", () => {
  assert.deepEqual(listenAddresses(["localhost"]), [
    { hostname: "127.0.0.1", optional: true },
    { hostname: "::1", optional: true },
  ]);
});

Deno.test("listenAddresses() reads lists, in a fixed order, and insists on what is named", () => {
  assert.deepEqual(listenAddresses(["localhost,10.0.0.5", "127.0.0.1"]), [
    { hostname: "10.0.0.5", optional: false },
    { hostname: "127.0.0.1", optional: false },
    { hostname: "::1", optional: true },
  ]);
});

Deno.test("listenAddresses() refuses names", () => {
  assert.throws(() => listenAddresses(["example.com"]), {
    name: "ConfigError",
  });
});
