import assert from "node:assert/strict";
import { holdRange, isPodRange } from "./address_range.ts";
import { PodAddresses } from "./pod_addresses.ts";

/** Loopback addresses need no root; only Linux and Windows have them all. */
const ignore = Deno.build.os === "darwin";
/** A range that no agent chooses by itself. */
const podCIDR = "127.45.67.0/29";

async function withState(
  test: (stateDir: string) => Promise<void>,
): Promise<void> {
  const stateDir = await Deno.makeTempDir();
  try {
    await test(stateDir);
  } finally {
    await Deno.remove(stateDir, { recursive: true });
  }
}

Deno.test({
  name:
    "PodAddresses gives every address of its range once, then says what to do",
  ignore,
  fn: () =>
    withState(async (stateDir) => {
      await using addresses = new PodAddresses({ stateDir, podCIDR });
      const taken: string[] = [];
      for (let i = 0; i < 6; i++) {
        const given = await addresses.allocate(() => taken);
        if (given !== undefined) taken.push(given);
      }
      assert.deepEqual(
        taken,
        [1, 2, 3, 4, 5, 6].map((i) => `127.45.67.${i}`),
      );
      await assert.rejects(
        addresses.allocate(() => taken),
        /all 6 of 127\.45\.67\.0\/29 are taken; set wasm\.podCIDR/,
      );
      const [first = ""] = taken.splice(0, 1);
      // Given, and not among the taken ones.
      await assert.rejects(addresses.allocate(() => taken), /are taken/);
      addresses.settle(first);
      assert.equal(await addresses.allocate(() => taken), first);
    }),
});

Deno.test({
  name: "PodAddresses gives what was freed last to the last",
  ignore,
  fn: () =>
    withState(async (stateDir) => {
      await using addresses = new PodAddresses({ stateDir, podCIDR });
      const next = async () => {
        const given = await addresses.allocate(() => []) ?? "";
        addresses.settle(given);
        return given;
      };
      assert.notEqual(await next(), await next());
    }),
});

Deno.test({
  name:
    "PodAddresses gives two agents different ranges, and the next agent the same one",
  ignore,
  fn: () =>
    withState(async (stateDir) => {
      await using other = new PodAddresses({ stateDir: `${stateDir}` });
      const theirs = await other.allocate(() => []);
      const second = await Deno.makeTempDir();
      try {
        const range = `${stateDir}/network.json`;
        // As if both had come upon the same one.
        await Deno.copyFile(range, `${second}/network.json`);
        await using own = new PodAddresses({ stateDir: second });
        const ours = await own.allocate(() => []);
        assert.ok(theirs !== undefined && ours !== undefined);
        assert.notEqual(block(ours), block(theirs));
        const blocked = new PodAddresses({ stateDir });
        await assert.rejects(
          blocked.check([theirs]),
          /which pods of this node have/,
        );
      } finally {
        await Deno.remove(second, { recursive: true });
      }
      await other[Symbol.asyncDispose]();
      await using again = new PodAddresses({ stateDir });
      const same = await again.allocate(() => []);
      assert.equal(block(same ?? ""), block(theirs ?? ""));
    }),
});

/** RFC 5737: nobody has these. */
const elsewhere = "203.0.113.240/29";

Deno.test({
  name: "PodAddresses says what to do about a range that is not this machine's",
  fn: () =>
    withState(async (stateDir) => {
      const addresses = new PodAddresses({
        ...{ stateDir, podCIDR: elsewhere },
        localAddresses: true,
      });
      await assert.rejects(
        addresses.check([]),
        /Cannot use wasm\.podCIDR 203\.0\.113\.240\/29: .*ip route add local/,
      );
    }),
});

Deno.test({
  name: "PodAddresses makes a range this machine's where the agent is root",
  ignore: Deno.build.os !== "linux" || Deno.uid() !== 0,
  fn: () =>
    withState(async (stateDir) => {
      {
        const options = { stateDir, podCIDR: elsewhere };
        await using addresses = new PodAddresses(options);
        const hostname = await addresses.allocate(() => []);
        assert.equal(hostname, "203.0.113.241");
        using _listener = Deno.listen({ hostname, port: 0 });
      }
      assert.throws(
        () => Deno.listen({ hostname: "203.0.113.241", port: 0 }),
        Deno.errors.AddrNotAvailable,
      );
    }),
});

Deno.test({
  name: "holdRange() lets one hold a range at a time",
  ignore,
  fn: async () => {
    const cidr = "127.45.68.0/30";
    const held = await holdRange(cidr, { route: false });
    await assert.rejects(
      holdRange(cidr, { route: false }),
      Deno.errors.AddrInUse,
    );
    await held.release();
    await (await holdRange(cidr, { route: false })).release();
  },
});

Deno.test("isPodRange() takes CIDRs with at least four addresses", () => {
  const good = ["10.0.0.0/30", "127.1.0.0/16", "fd00::/64"];
  const bad = ["10.0.0.0/31", "10.0.0.1/24", "10.0.0.0", "x", ""];
  assert.deepEqual(good.filter(isPodRange), good);
  assert.deepEqual(bad.filter(isPodRange), []);
});

function block(address: string): string {
  const [a, b, c = 0] = address.split(".").map(Number);
  return `${a}.${b}.${c >> 2}`;
}

Deno.test({
  name: "PodAddresses takes loopback addresses where only this machine asks",
  ignore,
  fn: () =>
    withState(async (stateDir) => {
      await using addresses = new PodAddresses({
        stateDir,
        localAddresses: true,
      });
      assert.match(await addresses.allocate(() => []) ?? "", /^127\./);
    }),
});
