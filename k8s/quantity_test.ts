import fc from "fast-check";
import assert from "node:assert/strict";
import {
  bytes,
  cpuMillis,
  formatBytes,
  formatMillis,
  parseQuantity,
} from "./quantity.ts";

const numbers: [string, number][] = [
  ["0", 0],
  ["500m", 0.5],
  ["0.5", 0.5],
  [".5", 0.5],
  ["5.", 5],
  ["+5", 5],
  ["-1.5", -1.5],
  ["0.1", 0.1],
  ["100m", 0.1],
  ["1e3", 1000],
  ["1E3", 1000],
  ["1E", 1e18],
  ["12e-1", 1.2],
  ["1k", 1000],
  ["100Ki", 102_400],
  ["1.5Gi", 1_610_612_736],
  ["128974848", 128_974_848],
  ["129e6", 129_000_000],
  ["123Mi", 128_974_848],
  ["128974848000m", 128_974_848],
  ["1n", 1e-9],
  ["1u", 1e-6],
  ["1Ei", 2 ** 60],
];

for (const [text, want] of numbers) {
  Deno.test(`parseQuantity() reads ${text} as ${want}`, () => {
    assert.equal(parseQuantity(text), want);
  });
}

const bad = [
  "",
  " ",
  "1 Gi",
  "1gi",
  "1K",
  "Gi",
  ".",
  "1.2.3",
  "1e",
  "1e3Ki",
  "0x10",
  "1Gi ",
  "--1",
  "NaN",
  "Infinity",
];
for (const text of bad) {
  Deno.test(`parseQuantity() refuses "${text}" and names it`, () => {
    assert.throws(() => parseQuantity(text), (error) => {
      assert.ok(error instanceof SyntaxError);
      assert.ok(error.message.includes(`"${text}"`));
      return true;
    });
  });
}

Deno.test("parseQuantity() refuses an absurd exponent without computing it", () => {
  assert.throws(() => bytes("1e999999999"), RangeError);
  assert.throws(() => bytes("1".repeat(10_000)), RangeError);
});

Deno.test("cpuMillis() and bytes() round up to whole units, as Kubernetes does", () => {
  assert.equal(cpuMillis("0.0001"), 1);
  assert.equal(cpuMillis("1500u"), 2);
  assert.equal(cpuMillis("2"), 2000);
  assert.equal(cpuMillis("0.1"), 100);
  assert.equal(bytes("1m"), 1);
  assert.equal(bytes("0.3Ki"), 308);
  assert.equal(bytes("-1500m"), -1);
});

Deno.test("formatBytes() and formatMillis() choose the largest exact unit", () => {
  assert.equal(formatBytes(0), "0");
  assert.equal(formatBytes(1000), "1000");
  assert.equal(formatBytes(1024), "1Ki");
  assert.equal(formatBytes(1536 * 1024), "1536Ki");
  assert.equal(formatBytes(2 ** 30), "1Gi");
  assert.equal(formatMillis(1500), "1500m");
  assert.equal(formatMillis(2000), "2");
});

Deno.test("bytes() reads back what formatBytes() wrote", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2 ** 40 }),
      fc.constantFrom(1, 1024, 2 ** 20),
      (count, unit) => {
        const value = Math.min(count * unit, Number.MAX_SAFE_INTEGER - 1);
        assert.equal(bytes(formatBytes(value)), value);
      },
    ),
  );
});

Deno.test("cpuMillis() reads back what formatMillis() wrote", () => {
  fc.assert(
    fc.property(fc.nat(), (millis) => {
      assert.equal(cpuMillis(formatMillis(millis)), millis);
    }),
  );
});

Deno.test("parseQuantity() gives the number for any number and unit", () => {
  const units: [string, number][] = [
    ["", 1],
    ["k", 1e3],
    ["Ki", 1024],
    ["M", 1e6],
    ["Mi", 2 ** 20],
    ["G", 1e9],
    ["e3", 1e3],
    ["E6", 1e6],
  ];
  fc.assert(
    fc.property(
      fc.integer({ min: -1_000_000, max: 1_000_000 }),
      fc.constantFrom(...units),
      (count, [unit, factor]) => {
        assert.equal(parseQuantity(`${count}${unit}`), count * factor || 0);
      },
    ),
  );
});
