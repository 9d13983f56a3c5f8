import assert from "node:assert/strict";
import { metricText } from "./metric_text.ts";
import { Metrics } from "./metrics.ts";

Deno.test("Metrics counts for each set of labels", () => {
  const metrics = new Metrics();
  const counter = metrics.counter({ name: "c_total", help: "Things" });
  assert.equal(metricText(metrics.families()), "");
  counter.add({ code: "200" });
  counter.add({ code: "500" }, 2);
  counter.add({ code: "200" });
  assert.equal(
    metricText(metrics.families()),
    `# HELP c_total Things
# TYPE c_total counter
c_total{code="200"} 2
c_total{code="500"} 2
`,
  );
});

Deno.test("Metrics has one metric of a name, whoever asks for it", () => {
  const metrics = new Metrics();
  metrics.counter({ name: "c_total", help: "" }).add({});
  metrics.counter({ name: "c_total", help: "" }).add({});
  const [family, ...others] = metrics.families();
  assert.deepEqual(family?.samples, [{ labels: {}, value: 2 }]);
  assert.deepEqual(others, []);
});

Deno.test("Metrics reads a gauge when it is asked", () => {
  const metrics = new Metrics();
  let value = 1;
  metrics.gauge({ name: "g", help: "" }, () => -1);
  metrics.gauge({ name: "g", help: "" }, () => value);
  value = 7;
  assert.deepEqual(metrics.families(), [
    {
      name: "g",
      help: "",
      type: "gauge",
      samples: [{ labels: {}, value: 7 }],
    },
  ]);
});

Deno.test("Metrics counts a value in every bucket that it is no larger than", () => {
  const metrics = new Metrics();
  const histogram = metrics.histogram({
    ...{ name: "h_seconds", help: "Time", buckets: [0.1, 1] },
  });
  for (const value of [0.1, 0.5, 2]) histogram.observe({ l: "x" }, value);
  assert.equal(
    metricText(metrics.families()),
    `# HELP h_seconds Time
# TYPE h_seconds histogram
h_seconds_bucket{l="x",le="0.1"} 1
h_seconds_bucket{l="x",le="1"} 2
h_seconds_bucket{l="x",le="+Inf"} 3
h_seconds_sum{l="x"} 2.6
h_seconds_count{l="x"} 3
`,
  );
});
