import assert from "node:assert/strict";
import { bootTime, cpuNanos, osImage, parseInterfaces } from "./proc_files.ts";

const stat = `cpu  100 20 30 4000 50 6 7 8 9 1
cpu0 100 20 30 4000 50 6 7 8 9 1
btime 1700000000
`;

Deno.test("cpuNanos() adds up what is not idle, guests once", () => {
  assert.equal(cpuNanos(stat), (100 + 20 + 30 + 6 + 7 + 8) * 1e7);
  assert.equal(cpuNanos(""), undefined);
});

Deno.test("bootTime() is that of the machine", () => {
  assert.deepEqual(bootTime(stat), new Date(1_700_000_000_000));
  assert.equal(bootTime(""), undefined);
});

Deno.test("parseInterfaces() leaves out loopback", () => {
  const text = `Inter-|   Receive                            |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 9 8 0 0 0 0 0 0 9 8 0 0 0 0 0 0
  eth0:561046389   19105    2    0    0     0          0         0  1065265   12594    3    0    0     0       0          0
`;
  assert.deepEqual(parseInterfaces(text), [{
    name: "eth0",
    rxBytes: 561046389,
    rxErrors: 2,
    txBytes: 1065265,
    txErrors: 3,
  }]);
  assert.deepEqual(parseInterfaces(""), []);
});

Deno.test("osImage() is the pretty name without its quotes", () => {
  assert.equal(
    osImage('NAME=x\nPRETTY_NAME="Alpine Linux v3.20"\nID=alpine\n'),
    "Alpine Linux v3.20",
  );
  assert.equal(osImage("PRETTY_NAME=Plain"), "Plain");
  assert.equal(osImage("ID=alpine\n"), "");
});
