import assert from "node:assert/strict";
import { ConfigError } from "../async/config_error.ts";
import { joinNodes } from "./join_nodes.ts";

Deno.test("joinNodes() makes a node of every target of a range, named after its host", () => {
  const nodes = joinNodes(["ssh://pi@10.0.0.{11..12}:2222", "Edge-3"], {
    taint: true,
  });
  assert.deepEqual(nodes, [
    {
      name: "10.0.0.11",
      provider: "ssh",
      ssh: { host: "10.0.0.11", port: 2222, user: "pi" },
    },
    {
      name: "10.0.0.12",
      provider: "ssh",
      ssh: { host: "10.0.0.12", port: 2222, user: "pi" },
    },
    { name: "edge-3", provider: "ssh", ssh: { host: "Edge-3" } },
  ]);
});

Deno.test("joinNodes() gives all nodes the flags, with absolute paths", () => {
  const [node] = joinNodes(["[fe80::1]"], {
    identityFile: "key",
    knownHosts: "/etc/known",
    jump: "ssh://admin@bastion",
    label: ["example.com/farm=east", "empty="],
    taint: false,
  });
  assert.deepEqual(node, {
    name: "fe80--1",
    provider: "ssh",
    ssh: {
      host: "fe80::1",
      identityFile: `${Deno.cwd()}/key`,
      knownHostsFile: "/etc/known",
      jump: "ssh://admin@bastion",
    },
    labels: { "example.com/farm": "east", empty: "" },
    taints: [],
  });
});

Deno.test("joinNodes() refuses one name for two hosts, and labels without a value", () => {
  const flags = { taint: true };
  assert.throws(() => joinNodes(["a", "root@a"], flags), /"a": .*named twice/);
  assert.throws(
    () => joinNodes(["{a,b}"], { ...flags, nodeName: "c" }),
    /--node-name: .*one target, and these are 2/,
  );
  assert.throws(
    () => joinNodes(["a"], { ...flags, label: ["nonsense"] }),
    ConfigError,
  );
});
