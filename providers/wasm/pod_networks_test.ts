import assert from "node:assert/strict";
import { plainSandbox } from "../test_specs.ts";
import { Bench } from "./test_bench.ts";

function sandbox(uid: string, annotations: Record<string, string> = {}) {
  const identity = { uid, namespace: "default", name: uid };
  return { ...plainSandbox(identity), annotations };
}

Deno.test({
  name: "WasmRuntime lets another pod have the address of one that has ended",
  ignore: Deno.build.os === "darwin",
  fn: async () => {
    // It holds two pods, of which the bench has made one.
    const podCIDR = "127.45.69.0/30";
    await using bench = await Bench.open("guest", { podCIDR });
    const { runtime, options } = bench;
    await runtime.createSandbox(sandbox("second"), options);
    await assert.rejects(
      runtime.createSandbox(sandbox("third"), options),
      /all 2 of 127\.45\.69\.0\/30 are taken/,
    );
    const { ips } = await runtime.observe("second", options);
    await runtime.endSandbox("second", options);
    assert.deepEqual((await runtime.observe("second", options)).ips, ips);
    await runtime.createSandbox(sandbox("third"), options);
    assert.deepEqual((await runtime.observe("third", options)).ips, ips);
    await runtime.removeSandbox("third", options);
    await runtime.createSandbox(sandbox("fourth"), options);
    assert.deepEqual((await runtime.observe("fourth", options)).ips, ips);
  },
});

Deno.test("WasmRuntime gives a pod of the host's network no address", async () => {
  await using bench = await Bench.open();
  const { runtime, options } = bench;
  const network = "host" as const;
  await runtime.createSandbox({ ...sandbox("host"), network }, options);
  assert.deepEqual((await runtime.observe("host", options)).ips, []);
});

Deno.test("WasmRuntime makes no pod whose allowed hosts cannot be read", async () => {
  await using bench = await Bench.open();
  const { runtime, options } = bench;
  const bad = sandbox("bad", { "farlet.dev/allowed-hosts": "a/b" });
  await assert.rejects(
    runtime.createSandbox(bad, options),
    /Cannot allow host "a\/b"/,
  );
  assert.equal((await runtime.observe("bad", options)).sandbox, "absent");
});

Deno.test("WasmRuntime.portForward() says that a pod does not run, or has no ports", async () => {
  await using bench = await Bench.open();
  const { runtime, options } = bench;
  await assert.rejects(
    runtime.portForward("uid-1", 80, options),
    Deno.errors.NotFound,
  );
  await bench.start(["sleep", "60000"]);
  await assert.rejects(
    runtime.portForward("uid-1", 9, options),
    /port 9: no container of the pod has a TCP port: Connection refused$/,
  );
});
