import { RunningGuest } from "../run_guest.ts";
import { buildGoGuest } from "../go_guest.ts";
import type { Figure } from "./figures.ts";

const seconds = 10;
const clients = 16;

/** A server of Go's net/http behind a preopened socket; nothing without a Go toolchain. */
export async function benchWasmServe(): Promise<readonly Figure[]> {
  await using guest = await buildGoGuest("listener");
  const what = `requests/s of a Go server, ${clients} clients`;
  if (guest === undefined) return [{ what, measured: "no Go toolchain" }];
  const port = freePort();
  await using server = await RunningGuest.start("listener", [], {
    module: guest.module,
    listeners: [{ hostname: "127.0.0.1", port }],
  });
  await server.untilStdout("serving");
  const end = performance.now() + seconds * 1000;
  let count = 0;
  await Promise.all(Array.from({ length: clients }, async () => {
    while (performance.now() < end) {
      const response = await fetch(`http://127.0.0.1:${port}/hello?name=x`);
      await response.text();
      count++;
    }
  }));
  return [{ what, measured: `${Math.round(count / seconds)}` }];
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}
