import { delay } from "../../async/delay.ts";
import type { Clocks } from "./clocks.ts";
import { errno, fail } from "./errno.ts";
import type { WasiFunctions, WasiHost } from "./wasi_host.ts";

/** The function that waits for times and file descriptors. */
export function pollFunctions(
  { memory, descriptors }: WasiHost,
  clocks: Clocks,
) {
  function readSubscription(at: number): Subscription {
    const userData = memory.getUint64(at);
    const type = memory.getUint8(at + 8);
    const subject = memory.getUint32(at + 16);
    if (type !== eventType.clock) {
      const kind = type === eventType.read ? "read" : "write";
      return { kind, userData, fd: subject };
    }
    const timeout = memory.getUint64(at + 24);
    const absolute = (memory.getUint16(at + 40) & 1) > 0;
    const now = clocks.now(subject);
    const wait = absolute ? timeout - now : timeout;
    const due = performance.now() + Math.max(0, Number(wait) / 1e6);
    return { kind: "clock", userData, due };
  }

  /** The event for a subscription that needs to wait no longer. */
  function check(subscription: Subscription): Event | undefined {
    const { userData, kind } = subscription;
    const event = { userData, type: eventType[kind], error: 0, bytes: 0 };
    if (kind === "clock") {
      return performance.now() >= subscription.due ? event : undefined;
    }
    const descriptor = descriptors.find(subscription.fd);
    if (descriptor === undefined) return { ...event, error: errno.badf };
    if (kind === "write" || descriptor.kind !== "input") {
      return { ...event, bytes: 65536 };
    }
    return descriptor.input.ready ? { ...event, bytes: 1 } : undefined;
  }

  async function untilNext(
    subscriptions: readonly Subscription[],
  ): Promise<void> {
    const due = Math.min(
      ...subscriptions.map((item) =>
        item.kind === "clock" ? item.due : Infinity
      ),
    );
    const waits = subscriptions.flatMap((item) => {
      const descriptor = item.kind === "read"
        ? descriptors.find(item.fd)
        : undefined;
      return descriptor?.kind === "input"
        ? [descriptor.input.untilReady()]
        : [];
    });
    const done = new AbortController();
    if (due < Infinity) {
      const wait = Math.ceil(due - performance.now());
      const ms = Math.min(Math.max(0, wait), maxTimeout);
      waits.push(delay(ms, { signal: done.signal }));
    }
    await Promise.race(waits);
    done.abort();
  }

  function writeEvent(at: number, event: Event): void {
    memory.slice(at, eventLength).fill(0);
    memory.setUint64(at, event.userData);
    memory.setUint16(at + 8, event.error);
    memory.setUint8(at + 10, event.type);
    memory.setUint64(at + 16, BigInt(event.bytes));
  }

  return {
    poll_oneoff(
      input: number,
      output: number,
      count: number,
      outCount: number,
    ): number | Promise<number> {
      if (count === 0 || count >>> 0 > maxSubscriptions) fail(errno.inval);
      memory.span(input, count * subscriptionLength);
      memory.span(output, count * eventLength);
      memory.span(outCount, 4);
      const subscriptions = Array.from(
        { length: count },
        (_, index) => readSubscription(input + index * subscriptionLength),
      );

      function answer(): boolean {
        const events = subscriptions.flatMap((item) => check(item) ?? []);
        for (const [index, event] of events.entries()) {
          writeEvent(output + index * eventLength, event);
        }
        memory.setUint32(outCount, events.length);
        return events.length > 0;
      }

      async function wait(): Promise<number> {
        while (!answer()) await untilNext(subscriptions);
        return errno.success;
      }

      return answer() ? errno.success : wait();
    },
  } satisfies Partial<WasiFunctions>;
}

type Subscription =
  | {
    readonly kind: "clock";
    readonly userData: bigint;
    /** In the milliseconds of `performance.now()`. */
    readonly due: number;
  }
  | {
    readonly kind: "read" | "write";
    readonly userData: bigint;
    readonly fd: number;
  };

interface Event {
  readonly userData: bigint;
  readonly type: number;
  readonly error: number;
  readonly bytes: number;
}

const eventType = { clock: 0, read: 1, write: 2 } as const;

const subscriptionLength = 48;
const eventLength = 32;
const maxSubscriptions = 4096;

/** The longest time that setTimeout takes; a longer wait takes several. */
const maxTimeout = 2 ** 31 - 1;
