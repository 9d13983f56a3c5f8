import assert from "node:assert/strict";
import { parseLogOptions } from "./log_options.ts";

const now = new Date("2026-01-01T00:01:00Z");
const plain = { follow: false, previous: false, timestamps: false };

function parse(query: string) {
  return parseLogOptions(new URLSearchParams(query), now);
}

const good: [query: string, options: object][] = [
  ["", {}],
  ["tailLines=0", { tailLines: 0 }],
  ["tailLines=%2B7", { tailLines: 7 }],
  ["tail=5", { tailLines: 5 }],
  ["tail=all&tailLines=3", {}],
  ["tailLines=1&tailLines=2", { tailLines: 1 }],
  ["limitBytes=1", { limitBytes: 1 }],
  ["follow=true&previous=1&timestamps", {
    follow: true,
    previous: true,
    timestamps: true,
  }],
  ["follow=False&previous=0&timestamps=f", { timestamps: true }],
  ["sinceSeconds=60", { since: new Date("2026-01-01T00:00:00Z") }],
  ["sinceTime=2026-01-01T01:00:00.5%2B01:00", {
    since: new Date("2026-01-01T00:00:00.500Z"),
  }],
  ["sinceTime=", { since: new Date("0001-01-01T00:00:00Z") }],
  ["stream=All&tailLines=1", { tailLines: 1 }],
  ["stream=Stderr", { stream: "stderr" }],
  ["stream=Stdout&container=x&__proto__=y", { stream: "stdout" }],
];
for (const [query, options] of good) {
  Deno.test(`parseLogOptions() reads "${query}"`, () => {
    assert.deepEqual(parse(query), {
      kind: "valid",
      options: { ...plain, ...options },
    });
  });
}

const bad: [query: string, kind: "undecodable" | "invalid"][] = [
  ["tailLines=", "undecodable"],
  ["tailLines=x", "undecodable"],
  ["tailLines=1.5", "undecodable"],
  ["tailLines=9223372036854775808", "undecodable"],
  ["tail=x", "undecodable"],
  ["sinceTime=yesterday", "undecodable"],
  ["tailLines=-1", "invalid"],
  ["limitBytes=0", "invalid"],
  ["sinceSeconds=0", "invalid"],
  ["sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z", "invalid"],
  ["stream=stdout", "invalid"],
  ["stream=", "invalid"],
  ["stream=Stdout&tailLines=1", "invalid"],
];
for (const [query, kind] of bad) {
  Deno.test(`parseLogOptions() finds "${query}" ${kind}`, () => {
    assert.deepEqual(parse(query), { kind });
  });
}
