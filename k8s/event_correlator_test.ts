import assert from "node:assert/strict";
import { EventCorrelator } from "./event_correlator.ts";
import type { EventText } from "./events.ts";

const pod = {
  apiVersion: "v1",
  kind: "Pod",
  namespace: "shop",
  name: "web",
  uid: "u1",
};
const backOff: EventText = {
  type: "Warning",
  reason: "BackOff",
  message: "Back-off restarting",
};
const start = Date.parse("2026-01-01T00:00:00Z");
const at = (seconds: number) => new Date(start + seconds * 1000);

Deno.test("EventCorrelator counts repeats, of each object and part of it for itself", () => {
  const correlator = new EventCorrelator();
  const tell = (fieldPath: string, second: number) => {
    const { count, firstAt, lastAt } = correlator.correlate(
      { ...pod, fieldPath },
      backOff,
      at(second),
    ) ?? {};
    return [
      count,
      ((firstAt?.getTime() ?? 0) - start) / 1000,
      ((lastAt?.getTime() ?? 0) - start) / 1000,
    ];
  };
  assert.deepEqual(tell("spec.containers{a}", 0), [1, 0, 0]);
  assert.deepEqual(tell("spec.containers{a}", 10), [2, 0, 10]);
  assert.deepEqual(tell("spec.containers{b}", 11), [1, 11, 11]);
  assert.deepEqual(tell("spec.containers{a}", 30), [3, 0, 30]);
});

Deno.test("EventCorrelator combines from the tenth message within ten minutes on", () => {
  const correlator = new EventCorrelator();
  const tell = (message: string, second: number) =>
    correlator.correlate(pod, { ...backOff, message }, at(second));
  for (let i = 0; i < 9; i++) {
    assert.equal(tell(`m${i}`, i)?.event.message, `m${i}`);
  }
  const tenth = tell("m9", 9);
  assert.equal(tenth?.event.message, "(combined from similar events): m9");
  assert.equal(tenth.count, 1);
  const eleventh = tell("m10", 10);
  assert.equal(eleventh?.event.message, "(combined from similar events): m10");
  assert.deepEqual([eleventh.key, eleventh.count], [tenth.key, 2]);
  // Another reason is another Event.
  const other = correlator.correlate(
    pod,
    { ...backOff, reason: "Failed", message: "m11" },
    at(11),
  );
  assert.equal(other?.event.message, "m11");
  // Ten quiet minutes, and they are told one by one again.
  assert.equal(tell("m12", 611)?.event.message, "m12");
});

Deno.test("EventCorrelator goes on combining while similar Events come within ten minutes of each other", () => {
  const correlator = new EventCorrelator();
  const combined = [];
  for (let i = 0; i < 12; i++) {
    const told = correlator.correlate(
      pod,
      { ...backOff, message: `m${i}` },
      at(i * 600),
    );
    combined.push(told?.event.message.startsWith("(combined"));
  }
  assert.deepEqual(combined, [...Array(9).fill(false), true, true, true]);
});

Deno.test("EventCorrelator tells 25 of one type about an object, and then one in five minutes", () => {
  const correlator = new EventCorrelator();
  const tell = (second: number, options: { type?: "Normal"; uid?: string }) =>
    correlator.correlate(
      { ...pod, uid: options.uid ?? "u1" },
      { ...backOff, type: options.type ?? "Warning" },
      at(second),
    )?.count;
  const counts = Array.from({ length: 30 }, () => tell(0, {}));
  assert.deepEqual(counts.slice(23), [24, 25, ...Array(5).fill(undefined)]);
  assert.equal(tell(0, { type: "Normal" }), 1);
  assert.equal(tell(0, { uid: "u2" }), 1);
  assert.equal(tell(299, {}), undefined);
  // What was not told is counted.
  assert.equal(tell(300, {}), 32);
  assert.equal(tell(301, {}), undefined);
});

Deno.test("EventCorrelator earns no Events from a clock that is set back", () => {
  const correlator = new EventCorrelator();
  for (let i = 0; i < 25; i++) correlator.correlate(pod, backOff, at(0));
  assert.equal(correlator.correlate(pod, backOff, at(-1000)), undefined);
  assert.equal(correlator.correlate(pod, backOff, at(-999)), undefined);
});
