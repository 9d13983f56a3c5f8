import assert from "node:assert/strict";
import type { SandboxSpec } from "../container_spec.ts";
import { containerRecord } from "./container_record.ts";
import type { CreateBody } from "./create_body.ts";
import { sandboxBody, type SandboxMaking } from "./sandbox_body.ts";
import { at, inspected, sandboxSpec } from "./test_records.ts";

function body(
  spec: Partial<SandboxSpec> = {},
  making: Partial<SandboxMaking> = {},
): CreateBody {
  return sandboxBody(sandboxSpec(spec), {
    node: "n1",
    attempt: 0,
    image: "pause:1",
    engine: { kind: "podman", rootless: false },
    protects: true,
    logConfig: { Type: "none", Config: {} },
    ...making,
  });
}

Deno.test("sandboxBody() holds a network, a shareable ipc namespace and the name, with no rights", () => {
  const { HostConfig, Hostname, ExposedPorts } = body();
  assert.equal(Hostname, "web-0");
  assert.equal(ExposedPorts, undefined);
  assert.equal(HostConfig.NetworkMode, "bridge");
  assert.equal(HostConfig.IpcMode, "shareable");
  assert.equal(HostConfig.PidMode, undefined);
  assert.deepEqual(HostConfig.CapDrop, ["ALL"]);
  assert.equal(HostConfig.CapAdd, undefined);
  assert.equal(HostConfig.OomScoreAdj, -998);
});

Deno.test("sandboxBody() shares the host's network, name, ipc and processes if asked", () => {
  const { HostConfig, Hostname } = body({
    network: "host",
    ipc: "host",
    pid: "host",
    ports: [{ containerPort: 80, hostPort: 80, protocol: "TCP" }],
  });
  assert.equal(Hostname, undefined);
  assert.equal(HostConfig.NetworkMode, "host");
  assert.equal(HostConfig.UTSMode, "host");
  assert.equal(HostConfig.IpcMode, "host");
  assert.equal(HostConfig.PidMode, "host");
  assert.equal(HostConfig.PortBindings, undefined);
});

Deno.test("sandboxBody() has the ports of the host, several to one of the pod", () => {
  const { HostConfig, ExposedPorts } = body({
    ports: [
      { containerPort: 80, hostPort: 8080, protocol: "TCP" },
      {
        containerPort: 80,
        hostPort: 8081,
        hostIp: "127.0.0.1",
        protocol: "TCP",
      },
      { containerPort: 53, hostPort: 53, protocol: "UDP" },
    ],
  });
  assert.deepEqual(ExposedPorts, { "80/tcp": {}, "53/udp": {} });
  assert.deepEqual(HostConfig.PortBindings, {
    "80/tcp": [
      { HostIp: "", HostPort: "8080" },
      { HostIp: "127.0.0.1", HostPort: "8081" },
    ],
    "53/udp": [{ HostIp: "", HostPort: "53" }],
  });
});

Deno.test("sandboxBody() relays what is sent to the API server's address, with the rights it takes", () => {
  const { Cmd, HostConfig } = body({}, {
    relay: {
      server: { host: "10.96.0.1", port: 443 },
      directory: "/run/farlet/1",
    },
  });
  assert.deepEqual(Cmd, ["relay", "10.96.0.1:443", "/run/farlet/api.sock"]);
  assert.ok(HostConfig.CapAdd?.includes("NET_ADMIN"));
  assert.deepEqual(HostConfig.Binds, ["/run/farlet/1:/run/farlet:ro"]);
});

Deno.test("sandboxBody() tells its record what containers must know of it", () => {
  const { Labels } = body({ pid: "pod", hostname: "other" }, { attempt: 2 });
  const record = containerRecord(
    inspected({ Running: true }, {
      Name: "farlet_uid-1_POD_2",
      Config: { Labels },
    }),
    at("12:00:00"),
  );
  assert.equal(record?.kind, "sandbox");
  assert.equal(record.attempt, 2);
  assert.deepEqual(record.shared, {
    hostname: "other",
    network: "pod",
    ipc: "pod",
    pid: "pod",
  });
});
