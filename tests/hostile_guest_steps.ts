import assert from "node:assert/strict";
import { guestModuleImage } from "./agent_process.ts";
import { apply, phase } from "./cluster_pods.ts";
import type { ControlPlane } from "./controlplane.ts";

/**
 * Runs pods that flood their output, hoard memory of the host, open all that they may, and spin
 * without end, and meanwhile asks the node for what people ask.
 */
export async function withstandHostileGuests(
  cluster: ControlPlane,
  nodeName: string,
): Promise<void> {
  const image = guestModuleImage("hostile");
  const data = {
    volumeMounts: [{ name: "data", mountPath: "/data" }],
  };
  const here = { nodeName, volumes: [{ name: "data", emptyDir: {} }] };
  await apply(cluster, "flood", { image, args: ["flood"] }, here);
  await apply(cluster, "open", {
    ...{ image, args: ["open", "/data"], ...data },
  }, here);
  await apply(cluster, "hoard", {
    ...{ image, args: ["hoard", "/data"], ...data },
    resources: { limits: { memory: "1Mi" } },
  }, here);
  const spinning = ["spin-1", "spin-2", "spin-3"];
  for (const name of spinning) {
    await apply(cluster, name, { args: ["spin"] }, here);
  }
  const hostile = ["flood", "open", "hoard", ...spinning];
  for (const name of ["flood", "open", ...spinning]) {
    await phase(cluster, name, "Running");
  }
  const port = await cluster.kubectl([
    ...["get", "node", nodeName, "-o"],
    "jsonpath={.status.daemonEndpoints.kubeletEndpoint.Port}",
  ]);
  for (let round = 0; round < 3; round++) {
    const begin = performance.now();
    assert.equal(await askHealth(port), "ok");
    const log = await cluster.kubectl(["logs", "flood", "--tail=1"]);
    assert.match(log, /^x+/);
    const echo = ["guest.wasm", "echo", "here"];
    const said = await cluster.kubectl(["exec", "spin-1", "--", ...echo]);
    assert.equal(said, "here\n");
    const took = performance.now() - begin;
    assert.ok(took < 10_000, `round ${round} took ${took} ms`);
  }
  // Two seconds of grace, whatever a guest does with them.
  await cluster.kubectl(["delete", "pod", ...hostile, "--timeout=20s"]);
}

async function askHealth(port: string): Promise<string> {
  const url = `https://127.0.0.1:${port}/healthz`;
  const args = ["-sk", "-m", "10", url];
  const { stdout } = await new Deno.Command("curl", { args }).output();
  return new TextDecoder().decode(stdout);
}
