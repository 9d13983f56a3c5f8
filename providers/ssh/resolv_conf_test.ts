import assert from "node:assert/strict";
import type { DnsSettings } from "../container_spec.ts";
import { parseResolvConf, resolvConf } from "./resolv_conf.ts";

const nothing: DnsSettings = {
  hostServers: false,
  hostSearches: false,
  servers: [],
  searches: [],
  options: [],
};
const hostFile = `# made by dhcpcd
domain old.example
nameserver 10.0.0.1
nameserver\tfe80::1%eth0
search example.com. lan
options edns0 timeout:1
; sortlist
`;

const cases: readonly (readonly [string, Partial<DnsSettings>, string])[] = [
  ["is empty for a pod that wants nothing", {}, ""],
  [
    "has all that the host has",
    { hostServers: true, hostSearches: true },
    "search example.com lan\nnameserver 10.0.0.1\nnameserver fe80::1%eth0\noptions edns0 timeout:1\n",
  ],
  [
    "has the host's domains after the cluster's, and its servers and options not",
    {
      hostSearches: true,
      servers: ["10.96.0.10"],
      searches: ["default.svc.cluster.local", "lan"],
      options: ["ndots:5"],
    },
    "search default.svc.cluster.local lan example.com\nnameserver 10.96.0.10\noptions ndots:5\n",
  ],
  [
    "has the pod's servers before the host's, and its options instead",
    {
      hostServers: true,
      servers: ["1.1.1.1", "10.0.0.1"],
      options: ["timeout:3", "debug"],
    },
    "nameserver 1.1.1.1\nnameserver 10.0.0.1\nnameserver fe80::1%eth0\noptions edns0 timeout:3 debug\n",
  ],
];
for (const [claim, settings, want] of cases) {
  Deno.test(`resolvConf() ${claim}`, () => {
    const { text, warnings } = resolvConf(
      { ...nothing, ...settings },
      hostFile,
    );
    assert.equal(text, want);
    assert.deepEqual(warnings, []);
  });
}

Deno.test("resolvConf() keeps three servers and says so", () => {
  const servers = ["1.1.1.1", "1.1.1.2", "1.1.1.3"];
  const { text, warnings } = resolvConf({
    ...nothing,
    servers,
    hostServers: true,
  }, "nameserver 10.0.0.1\n");
  assert.equal(text, servers.map((ip) => `nameserver ${ip}\n`).join(""));
  assert.deepEqual(warnings, [
    "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 1.1.1.1 1.1.1.2 1.1.1.3",
  ]);
});

Deno.test("resolvConf() keeps 32 search domains of 2048 characters together", () => {
  const many = Array.from({ length: 33 }, (_, i) => `d${i}.example`);
  const few = resolvConf({ ...nothing, searches: many }, "");
  assert.equal(few.text, `search ${many.slice(0, 32).join(" ")}\n`);
  assert.equal(few.warnings.length, 1);
  const long = Array.from({ length: 9 }, (_, i) => `${i}`.repeat(240));
  const short = resolvConf({ ...nothing, searches: long }, "");
  assert.equal(short.text, `search ${long.slice(0, 8).join(" ")}\n`);
});

Deno.test("parseResolvConf() takes a domain for want of a search list", () => {
  assert.deepEqual(parseResolvConf("domain lan.\nnameserver\n"), {
    servers: [],
    searches: ["lan"],
    options: [],
  });
  assert.deepEqual(parseResolvConf("search a\nsearch b .\n").searches, [
    "b",
    ".",
  ]);
});
