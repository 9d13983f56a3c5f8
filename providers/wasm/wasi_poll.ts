import { delay } from "../../async/delay.ts";
import { firstOf } from "../../async/first_of.ts";
import type { Clocks } from "./clocks.ts";
import { errno, fail } from "./errno.ts";
import type { GuestSocket } from "./guest_sockets.ts";
import type { SocketInterest, SocketReadiness } from "./linux_sockets.ts";
import type { WasiFunctions, WasiHost } from "./wasi_host.ts";

/** The function that waits for times and file descriptors. */
export function pollFunctions(
  { memory, descriptors, net, snapshot }: WasiHost,
  clocks: Clocks,
) {
  function readSubscription(at: number): Subscription {
    const userData = memory.getUint64(at);
    const type = memory.getUint8(at + 8);
    if (type !== eventType.clock) {
      const kind = type === eventType.read ? "read" : "write";
      return { kind, userData, fd: memory.getUint32(at + 16) };
    }
    const clock = at + (snapshot === 0 ? 24 : 16);
    const timeout = memory.getUint64(clock + 8);
    const absolute = (memory.getUint16(clock + 24) & 1) > 0;
    const now = clocks.now(memory.getUint32(clock));
    const wait = absolute ? timeout - now : timeout;
    const due = performance.now() + Math.max(0, Number(wait) / 1e6);
    return { kind: "clock", userData, due };
  }

  /** What of the sockets is waited for. */
  function interestsOf(
    subscriptions: readonly Subscription[],
  ): readonly SocketInterest[] {
    return subscriptions.flatMap((item) => {
      if (item.kind === "clock") return [];
      const { kind } = item;
      const descriptor = descriptors.find(item.fd);
      if (descriptor?.kind !== "socket") return [];
      return descriptor.handles.map((handle) => ({ handle, kind }));
    });
  }

  /** Asks the system once, for all of the sockets. */
  function lookAt(subscriptions: readonly Subscription[]): SocketStates {
    const states: SocketStates = { read: new Map(), write: new Map() };
    const interests = interestsOf(subscriptions);
    const found = net?.sockets.look(interests) ?? [];
    for (const [i, { handle, kind }] of interests.entries()) {
      const state = found[i];
      if (state?.ready) states[kind].set(handle, state);
    }
    return states;
  }

  function checkSocket(
    { handles }: GuestSocket,
    kind: SocketInterest["kind"],
    states: SocketStates,
  ): Pick<Event, "bytes" | "hungUp"> | undefined {
    const handle = handles.find((each) => states[kind].has(each));
    const state = states[kind].get(handle ?? -1);
    if (handle === undefined || state === undefined) return undefined;
    const { hungUp } = state;
    if (kind === "write") return { bytes: 65536, hungUp };
    return { bytes: net?.sockets.readableBytes(handle) ?? 0, hungUp };
  }

  /** The event for a subscription that needs to wait no longer. */
  function check(
    subscription: Subscription,
    states: SocketStates,
  ): Event | undefined {
    const { userData, kind } = subscription;
    const event = {
      ...{ userData, type: eventType[kind], error: 0, bytes: 0 },
      hungUp: false,
    };
    if (kind === "clock") {
      return performance.now() >= subscription.due ? event : undefined;
    }
    const descriptor = descriptors.find(subscription.fd);
    if (descriptor === undefined) return { ...event, error: errno.badf };
    if (descriptor.kind === "socket") {
      const found = checkSocket(descriptor, kind, states);
      return found && { ...event, ...found };
    }
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
    const { signal } = done;
    const left = Math.max(0, Math.ceil(due - performance.now()));
    const timeout = Math.min(left, maxTimeout);
    const interests = interestsOf(subscriptions);
    if (net !== undefined && interests.length > 0) {
      const time = due < Infinity ? { timeout } : {};
      const sockets = net.sockets.wait(interests, { signal, ...time });
      await firstOf([sockets, ...waits]);
      done.abort();
      // It has to have ended before another one begins.
      return await sockets;
    }
    if (due < Infinity) waits.push(delay(timeout, { signal }));
    await firstOf(waits);
    done.abort();
  }

  function writeEvent(at: number, event: Event): void {
    memory.slice(at, eventLength).fill(0);
    memory.setUint64(at, event.userData);
    memory.setUint16(at + 8, event.error);
    memory.setUint8(at + 10, event.type);
    memory.setUint64(at + 16, BigInt(event.bytes));
    memory.setUint16(at + 24, event.hungUp ? 1 : 0);
  }

  return {
    poll_oneoff(
      input: number,
      output: number,
      count: number,
      outCount: number,
    ): number | Promise<number> {
      if (count === 0 || count >>> 0 > maxSubscriptions) fail(errno.inval);
      const subscriptionLength = snapshot === 0 ? 56 : 48;
      memory.span(input, count * subscriptionLength);
      memory.span(output, count * eventLength);
      memory.span(outCount, 4);
      const subscriptions = Array.from(
        { length: count },
        (_, index) => readSubscription(input + index * subscriptionLength),
      );

      function answer(): boolean {
        const states = lookAt(subscriptions);
        const events = subscriptions
          .flatMap((item) => check(item, states) ?? []);
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
  /** Whether the other side of a socket is gone. */
  readonly hungUp: boolean;
}

/** The sockets that are ready, by their descriptors of the operating system. */
type SocketStates = Readonly<
  Record<SocketInterest["kind"], Map<number, SocketReadiness>>
>;

const eventType = { clock: 0, read: 1, write: 2 } as const;

const eventLength = 32;
const maxSubscriptions = 4096;

/** The longest time that setTimeout takes; a longer wait takes several. */
const maxTimeout = 2 ** 31 - 1;
