import assert from "node:assert/strict";
import {
  cgroupFindings,
  diskFindings,
  engineFindings,
  lingerFindings,
} from "./doctor_engine.ts";
import type { Finding } from "./doctor_finding.ts";
import type { EngineInfo } from "./engine/engine_info.ts";

const GiB = 2 ** 30;

for (
  const [capacityGiB, freeGiB, inodes, inodesFree, expected] of [
    [100, 50, 1000, 900, ["ok disk"]],
    [100, 9, 1000, 900, ["warn disk"]],
    [4, 0.9, 1000, 900, ["warn disk"]],
    [100, 0, 1000, 900, ["fail disk"]],
    [100, 50, 1000, 99, ["ok disk", "warn disk inodes"]],
    [100, 50, 1000, 0, ["ok disk", "fail disk inodes"]],
    [100, 50, undefined, undefined, ["ok disk"]],
  ] as const
) {
  Deno.test(`diskFindings() says ${expected} of ${freeGiB} GiB of ${capacityGiB} and ${inodesFree} inodes`, () => {
    const sample = {
      capacityBytes: capacityGiB * GiB,
      usedBytes: (capacityGiB - freeGiB) * GiB,
      availableBytes: freeGiB * GiB,
      ...(inodes === undefined ? {} : { inodes, inodesFree }),
    };
    assert.deepEqual(words(diskFindings("disk", sample, "here")), expected);
  });
}

Deno.test("diskFindings() warns of a disk that nothing is known of", () => {
  const found = diskFindings("disk", undefined, "here");
  assert.deepEqual(words(found), ["warn disk"]);
});

Deno.test("cgroupFindings() warns of limits that have no effect, with a remedy", () => {
  const all = { controllers: ["cpu", "memory", "pids"] };
  const engine = { rootless: false, storageDir: "", storageDriver: "overlay" };
  const v2 = { ...engine, cgroupVersion: 2 } as const;
  assert.deepEqual(words(cgroupFindings(v2, all)), ["ok cgroups"]);
  const [pi] = cgroupFindings(v2, { controllers: ["cpu", "pids"] });
  assert.match(pi?.remedy ?? "", /cgroup_enable=memory/);
  const rootless = { ...v2, rootless: true };
  const [own] = cgroupFindings(rootless, { controllers: ["memory", "pids"] });
  assert.match(`${own?.verdict} ${own?.found}`, /^warn .*without cpu/);
  assert.match(own?.remedy ?? "", /Delegate=/);
  const v1 = { ...rootless, cgroupVersion: 1 } as const;
  assert.deepEqual(words(cgroupFindings(v1, all)), ["warn cgroups"]);
  const vfs = { ...v2, storageDriver: "vfs" };
  assert.deepEqual(words(cgroupFindings(vfs, all)), [
    "ok cgroups",
    "warn storage driver",
  ]);
});

Deno.test("lingerFindings() warns where a rootless engine ends with the session", () => {
  const user = "pi";
  for (
    const [rootless, lingers, expected] of [
      [true, false, ["warn lingering"]],
      [true, true, []],
      [false, false, []],
    ] as const
  ) {
    const found = lingerFindings({ rootless }, { lingers, user });
    assert.deepEqual(words(found), expected);
  }
});

Deno.test("engineFindings() warns of an engine that is reached by commands", () => {
  const info: Omit<EngineInfo, "forwarding"> = {
    kind: "docker",
    ...{ version: "27.1.1", apiVersion: "1.46" },
    cgroupVersion: 2,
    ...{ rootless: false, socket: "/run/docker.sock" },
    ...{ arch: "amd64", os: "linux", kernelVersion: "6.1", cpus: 1 },
    ...{ operatingSystem: "", memoryBytes: 1, storageDir: "/d" },
    ...{ storageDriver: "overlay2", logDriver: "json-file" },
    securityOptions: [],
  };
  const [engine, socket] = engineFindings({ ...info, forwarding: "command" });
  assert.equal(
    engine?.found,
    "Docker 27.1.1, API 1.46, rootful, at /run/docker.sock",
  );
  assert.equal(socket?.verdict, "warn");
  const direct = engineFindings({ ...info, forwarding: "channel" });
  assert.deepEqual(words(direct), ["ok engine", "ok engine socket"]);
});

function words(findings: Iterable<Finding>): readonly string[] {
  return [...findings].map(({ verdict, check }) => `${verdict} ${check}`);
}
