import assert from "node:assert/strict";
import { ConfigError } from "../../../async/config_error.ts";
import { expandTargets, parseTargetAddress } from "./target_address.ts";

Deno.test("parseTargetAddress() reads users, ports, IPv6 and aliases", () => {
  const cases = {
    "ssh://root@10.0.0.7": { host: "10.0.0.7", user: "root" },
    "ssh://pi@farm.example.com:2222/": {
      host: "farm.example.com",
      user: "pi",
      port: 2222,
    },
    "pi-12": { host: "pi-12" },
    "root@[fe80::1%eth0]:22": { host: "fe80::1%eth0", user: "root", port: 22 },
    "ssh://[::1]": { host: "::1" },
  };
  for (const [text, address] of Object.entries(cases)) {
    assert.deepEqual(parseTargetAddress(text), address, text);
  }
});

Deno.test("parseTargetAddress() refuses what is no target, and options of ssh", () => {
  const texts = [
    "",
    "http://host",
    "-oProxyCommand=x",
    "a b",
    "host:0",
    "host:70000",
    "::1",
    "@host",
    "-l@host",
    "ssh://host/path",
  ];
  for (const text of texts) {
    assert.throws(() => parseTargetAddress(text), ConfigError, text);
  }
});

Deno.test("parseTargetAddress() does not repeat a password", () => {
  assert.throws(
    () => parseTargetAddress("ssh://root:hunter2@host"),
    (error: Error) => !error.message.includes("hunter2"),
  );
});

Deno.test("expandTargets() writes ranges and lists out", () => {
  assert.deepEqual(expandTargets("ssh://pi@10.0.0.{9..11}"), [
    "ssh://pi@10.0.0.9",
    "ssh://pi@10.0.0.10",
    "ssh://pi@10.0.0.11",
  ]);
  assert.deepEqual(expandTargets("{a,b}-{08..10}"), [
    ...["a-08", "a-09", "a-10"],
    ...["b-08", "b-09", "b-10"],
  ]);
  assert.deepEqual(expandTargets("{3..1}"), ["3", "2", "1"]);
  assert.deepEqual(expandTargets("host"), ["host"]);
});

Deno.test("expandTargets() refuses braces that do not match, and too many hosts", () => {
  const texts = ["a{1..2", "a}", "a{b}", "{1..999}", "{1..99}{1..99}"];
  for (const text of texts) {
    assert.throws(() => expandTargets(text), ConfigError, text);
  }
});
