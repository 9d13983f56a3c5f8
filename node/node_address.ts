import { abortable, type AbortOptions } from "../async/abort.ts";
import { backoffDelay, jitter } from "../async/backoff.ts";
import { Deadline } from "../async/deadline.ts";
import { delay } from "../async/delay.ts";
import { getLogger } from "../async/log.ts";

/**
 * The IP address by which this machine reaches `server`: what the routing table would choose.
 *
 * Right unless there is address translation between this machine and the API server. Waits for a
 * server that cannot be reached.
 */
export async function addressToward(
  server: URL,
  { signal }: AbortOptions,
): Promise<string> {
  for (let failures = 1;; failures++) {
    try {
      return await localAddress(server, { signal });
    } catch (error) {
      signal.throwIfAborted();
      if (failures === 1) {
        log.warn(
          "Cannot reach the API server to find this machine's address; trying again",
          { server: server.host, error },
        );
      }
      await delay(jitter(backoffDelay(failures, reconnect)), { signal });
    }
  }
}

const reconnect = { base: 200, cap: 7_000 };
/** Milliseconds: a lost packet is sent again after 1, 3 and 7 s. */
const connectTimeout = 10_000;
const log = getLogger("node");

async function localAddress(
  server: URL,
  { signal }: AbortOptions,
): Promise<string> {
  using deadline = new Deadline(connectTimeout, { signal });
  // An IPv6 address stands in brackets in a URL.
  const hostname = server.hostname.replace(/^\[|\]$/g, "");
  const port = Number(server.port) || (server.protocol === "http:" ? 80 : 443);
  const connecting = Deno.connect({ hostname, port });
  try {
    using connection = await abortable(connecting, deadline);
    return plainAddress(connection.localAddr.hostname);
  } catch (error) {
    if (deadline.signal.aborted) closeLate(connecting);
    throw error;
  }
}

/** Without the prefix of an IPv4 address on an IPv6 socket and without a zone. */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, "").replace(/%.*$/, "");
}

/** Deno.connect() heeds no signal: a connection that comes too late is closed here. */
function closeLate(connecting: Promise<Deno.Conn>): void {
  connecting.then(
    (connection) => connection.close(),
    () => {}, // Nobody waits for it any more.
  );
}
