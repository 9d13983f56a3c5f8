import assert from "node:assert/strict";
import { metricText } from "./metric_text.ts";

Deno.test("metricText() sorts families, and leaves out those without a sample", () => {
  const text = metricText([
    {
      name: "b_total",
      help: "Bees",
      type: "counter",
      samples: [
        { labels: {}, value: 1 },
        { labels: { kind: "queen" }, value: 2, at: new Date(5) },
      ],
    },
    { name: "none", help: "Nothing", type: "gauge", samples: [] },
    {
      name: "a",
      help: "Ants",
      type: "gauge",
      samples: [{ labels: { z: "1", a: "2" }, value: 3 }],
    },
  ]);
  assert.equal(
    text,
    `# HELP a Ants
# TYPE a gauge
a{z="1",a="2"} 3
# HELP b_total Bees
# TYPE b_total counter
b_total 1
b_total{kind="queen"} 2 5
`,
  );
});

Deno.test("metricText() escapes help and label values", () => {
  const text = metricText([{
    name: "m",
    help: 'a "b"\\\nc',
    type: "gauge",
    samples: [{ labels: { l: 'a "b"\\\nc' }, value: 1 }],
  }]);
  assert.equal(
    text,
    '# HELP m a "b"\\\\\\nc\n# TYPE m gauge\nm{l="a \\"b\\"\\\\\\nc"} 1\n',
  );
});

const numbers: [number, string][] = [
  [0, "0"],
  [-1.5, "-1.5"],
  [123456789012345680000, "123456789012345680000"],
  [1e21, "1e+21"],
  [1e-7, "1e-7"],
  [NaN, "NaN"],
  [Infinity, "+Inf"],
  [-Infinity, "-Inf"],
];
for (const [value, want] of numbers) {
  Deno.test(`metricText() writes ${want} as Go reads it`, () => {
    const text = metricText([
      { name: "m", help: "", type: "gauge", samples: [{ labels: {}, value }] },
    ]);
    assert.equal(text.split("\n")[2], `m ${want}`);
  });
}
