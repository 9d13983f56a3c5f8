import { isDeepStrictEqual } from "node:util";
import type { AbortOptions } from "../async/abort.ts";
import { ChangeFeed } from "../async/change_feed.ts";
import { delay } from "../async/delay.ts";
import { TaskGroup } from "../async/task_group.ts";
import type { KubernetesObject } from "../k8s/types.ts";

/** Yields when something may have changed; ends on abort. */
export type ChangeSource = (options: AbortOptions) => AsyncIterable<unknown>;

/** A collection that can be looked at again when something says that it may have changed. */
export interface Watched<T extends KubernetesObject = KubernetesObject> {
  list(): Iterable<T>;
  readonly changes:
    readonly ((options: AbortOptions) => AsyncIterable<unknown>)[];
}

/** How long changes gather before the collection is looked at again. */
const settle = 20;

/**
 * The watch of a collection as the API server streams it, a line of JSON an event: what is there
 * as ADDED first, then a BOOKMARK, then every change, until the signal aborts or the reader cancels. When `ending`
 * aborts, what has changed until then is still told.
 */
export function watchStream(
  watched: Watched,
  { ending, signal }: WatchOptions,
): ReadableStream<Uint8Array> {
  const stop = new AbortController();
  const events = watchEvents(watched, {
    ending,
    signal: AbortSignal.any([signal, stop.signal]),
  });
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      const next = await events.next();
      if (next.done) controller.close();
      else {controller.enqueue(
          encoder.encode(`${JSON.stringify(next.value)}\n`),
        );}
    },
    cancel() {
      stop.abort();
    },
  }, { highWaterMark: 0 });
}

/** When a watch ends. */
export interface WatchOptions extends AbortOptions {
  readonly ending: AbortSignal;
}

interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  readonly object: KubernetesObject;
}

async function* watchEvents(
  { list, changes }: Watched,
  { ending, signal }: WatchOptions,
): AsyncGenerator<WatchEvent> {
  const feed = new ChangeFeed<"list">();
  const either = AbortSignal.any([signal, ending]);
  await using group = new TaskGroup(either);
  const looks = feed.changes({ signal: group.signal }, () => ["list"]);
  for (const source of changes) {
    group.spawn(async (signal) => {
      for await (const _ of source({ signal })) feed.notify("list");
    });
  }
  let seen: ReadonlyMap<string, KubernetesObject> | undefined;
  const look = () =>
    new Map([...list()].map((object) => [keyOf(object), object]));
  for await (const _ of looks) {
    const now = look();
    yield* differences(seen ?? new Map(), now);
    if (seen === undefined) yield { type: "BOOKMARK", object: {} };
    seen = now;
    await delay(settle, group).catch(() => undefined); // the loop ends then
  }
  await group.join();
  if (!signal.aborted && seen) yield* differences(seen, look());
}

function* differences(
  before: ReadonlyMap<string, KubernetesObject>,
  now: ReadonlyMap<string, KubernetesObject>,
): Generator<WatchEvent> {
  for (const [key, object] of before) {
    if (!now.has(key)) yield { type: "DELETED", object };
  }
  for (const [key, object] of now) {
    const known = before.get(key);
    if (known === undefined) yield { type: "ADDED", object };
    else if (!isDeepStrictEqual(known, object)) {
      yield { type: "MODIFIED", object };
    }
  }
}

function keyOf({ metadata }: KubernetesObject): string {
  return metadata?.uid ?? `${metadata?.namespace}/${metadata?.name}`;
}
