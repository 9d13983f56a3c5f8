import assert from "node:assert/strict";
import { plainSandbox } from "../test_specs.ts";
import { nameSettings, parseResolvConf } from "./resolv_conf.ts";

const { dns } = plainSandbox({ uid: "u", namespace: "d", name: "p" });

Deno.test("parseResolvConf() finds servers and the last search line", () => {
  const text = "# x\nsearch old\nnameserver 10.0.0.1\nnameserver  ::1 \n" +
    "search a.example  b.example\noptions ndots:3\n";
  assert.deepEqual(parseResolvConf(text), {
    servers: ["10.0.0.1", "::1"],
    searches: ["a.example", "b.example"],
  });
  assert.deepEqual(parseResolvConf(""), { servers: [], searches: [] });
});

const machine = { servers: ["10.0.0.1"], searches: ["lan"] };

Deno.test("nameSettings() leaves all to the machine where the pod says nothing", () => {
  assert.deepEqual(nameSettings(dns, machine, []), {
    hosts: [],
    servers: [],
    searches: [],
    ndots: 1,
  });
});

Deno.test("nameSettings() adds what the machine has after what the pod says", () => {
  const settings = nameSettings(
    {
      ...{ hostServers: true, hostSearches: true },
      servers: ["10.9.9.9"],
      searches: ["a.example"],
      options: ["ndots:2", "timeout:1", "ndots:5"],
    },
    machine,
    [],
  );
  assert.deepEqual(settings, {
    hosts: [],
    servers: ["10.9.9.9", "10.0.0.1"],
    searches: ["a.example", "lan"],
    ndots: 5,
  });
});

Deno.test("nameSettings() asks only the cluster's servers where the pod wants those", () => {
  const cluster = { ...dns, hostServers: false, servers: ["10.96.0.10"] };
  const { servers, searches } = nameSettings(cluster, machine, []);
  assert.deepEqual([servers, searches], [["10.96.0.10"], ["lan"]]);
});
