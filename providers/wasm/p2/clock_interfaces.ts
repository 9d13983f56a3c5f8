import { delay } from "../../../async/delay.ts";
import { clockId, Clocks } from "../clocks.ts";
import { Pollable } from "./pollable.ts";

/** The interfaces of the package `wasi:clocks`. */
export function clockInterfaces(clocks: Clocks) {
  const monotonic = () => clocks.now(clockId.monotonic);

  function subscribeInstant(instant: bigint): Pollable {
    return new Pollable(
      () => monotonic() >= instant,
      ({ signal }) => delay(millisUntil(instant - monotonic()), { signal }),
    );
  }

  return {
    "wasi:clocks/monotonic-clock": {
      now: monotonic,
      resolution: () => 1000n,
      subscribeInstant,
      subscribeDuration: (nanos: bigint) =>
        subscribeInstant(monotonic() + nanos),
    },
    "wasi:clocks/wall-clock": {
      now: () => toDatetime(clocks.now(clockId.realtime)),
      resolution: () => ({ seconds: 0n, nanoseconds: 1000 }),
    },
  };
}

/** WASI's `datetime` for nanoseconds since 1970. */
export function toDatetime(
  nanos: bigint,
): { readonly seconds: bigint; readonly nanoseconds: number } {
  const second = 1_000_000_000n;
  return { seconds: nanos / second, nanoseconds: Number(nanos % second) };
}

function millisUntil(nanos: bigint): number {
  if (nanos <= 0n) return 0;
  // Rounded up, or else the guest would be asked to wait again; and within what a timer can be.
  return Math.min(Math.ceil(Number(nanos) / 1e6), 2 ** 30);
}
