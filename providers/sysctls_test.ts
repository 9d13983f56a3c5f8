import assert from "node:assert/strict";
import { allowedSysctl, sysctlPatternProblem } from "./sysctls.ts";

const unsafe = ["net.core.somaxconn", "kernel.msg*", "net/ipv4/conf/*"];

for (
  const [name, namespace] of [
    ["net.ipv4.tcp_syncookies", "net"],
    ["net.core.somaxconn", "net"],
    ["net.core.somaxconn_other", undefined],
    ["kernel.msgmax", "ipc"],
    ["kernel.shmmax", undefined],
    ["net.ipv4.conf.eth0.rp_filter", "net"],
    ["vm.swappiness", undefined],
  ] as const
) {
  Deno.test(`allowedSysctl() says ${namespace} of ${name}`, () => {
    assert.equal(allowedSysctl(name, unsafe), namespace);
  });
}

for (
  const [pattern, problem] of [
    ["net.core.somaxconn", undefined],
    ["net.*", undefined],
    ["net/ipv4/*", undefined],
    ["kernel.shm*", undefined],
    ["kernel.sem", undefined],
    ["fs.mqueue.*", undefined],
    ["kernel.*", /known to be namespaced/],
    ["kernel.sem*", undefined],
    ["vm.swappiness", /known to be namespaced/],
    ["*", /known to be namespaced/],
    ["net.*.rp_filter", /such as net\.core/],
    ["Net.core", /such as net\.core/],
    ["", /such as net\.core/],
    [`net.${"a".repeat(250)}`, /such as net\.core/],
  ] as const
) {
  Deno.test(`sysctlPatternProblem() ${problem ? "refuses" : "takes"} "${pattern.slice(0, 30)}"`, () => {
    const found = sysctlPatternProblem(pattern);
    if (problem === undefined) assert.equal(found, undefined);
    else assert.match(found ?? "", problem);
  });
}
