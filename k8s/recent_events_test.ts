import assert from "node:assert/strict";
import { RecentEvents } from "./recent_events.ts";

const started = { type: "Normal", reason: "Started", message: "x" } as const;
const failed = { type: "Warning", reason: "Failed", message: "y" } as const;
const web = { kind: "Pod", name: "web", namespace: "default", uid: "u1" };

Deno.test("RecentEvents passes everything on and keeps it", () => {
  const passed: string[] = [];
  const next = {
    record: (_: unknown, { reason }: { readonly reason: string }) =>
      passed.push(reason),
  };
  const events = new RecentEvents(next, { host: "edge-1" });
  events.record(web, started);
  events.record(web, failed);
  events.record(web, started);
  assert.deepEqual(passed, ["Started", "Failed", "Started"]);
  const kept = [...events.list()].map(({ reason, count }) => [reason, count]);
  assert.deepEqual(kept, [["Failed", 1], ["Started", 2]]);
});

Deno.test("RecentEvents forgets the oldest beyond its limit", () => {
  const sink = { record() {} };
  const events = new RecentEvents(sink, { host: "edge-1", limit: 2 });
  for (const uid of ["u1", "u2", "u1", "u3"]) {
    events.record({ ...web, uid }, started);
  }
  const uids = [...events.list()].map((event) => event.involvedObject.uid);
  assert.deepEqual(uids, ["u1", "u3"]);
});
