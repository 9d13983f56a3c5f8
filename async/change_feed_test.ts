import assert from "node:assert/strict";
import { ChangeFeed } from "./change_feed.ts";

Deno.test("ChangeFeed.changes() yields what is known first, then what changes", async () => {
  const feed = new ChangeFeed<string>();
  const stop = new AbortController();
  const seen: string[] = [];
  for await (const key of feed.changes(stop, () => ["known"])) {
    seen.push(key);
    if (key === "known") queueMicrotask(() => feed.notify("new"));
    if (key === "new") stop.abort();
  }
  assert.deepEqual(seen, ["known", "new"]);
});

Deno.test("ChangeFeed.changes() yields a key once, however often it changed meanwhile", async () => {
  const feed = new ChangeFeed<string>();
  const stop = new AbortController();
  const seen: string[] = [];
  for await (const key of feed.changes(stop, () => ["first"])) {
    seen.push(key);
    if (key === "first") {
      for (const changed of ["a", "a", "b", "a"]) feed.notify(changed);
    }
    if (key === "b") stop.abort();
  }
  assert.deepEqual(seen, ["first", "a", "b"]);
});

Deno.test("ChangeFeed.changes() tells every reader", async () => {
  const feed = new ChangeFeed<string>();
  const stop = new AbortController();
  const readers = [1, 2].map(async () => {
    for await (const key of feed.changes(stop)) return key;
    return undefined;
  });
  feed.notify("a");
  assert.deepEqual(await Promise.all(readers), ["a", "a"]);
});

Deno.test("ChangeFeed.changes() ends without an error when aborted while it waits", async () => {
  const feed = new ChangeFeed<string>();
  const stop = new AbortController();
  queueMicrotask(() => stop.abort());
  for await (const key of feed.changes(stop)) assert.fail(key);
});
