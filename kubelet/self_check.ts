import { once } from "node:events";
import tls from "node:tls";
import { abortable, type AbortOptions } from "../async/abort.ts";
import { Deadline } from "../async/deadline.ts";
import {
  acceptTls,
  type KeyPair,
  type TlsIdentity,
  type TlsPeer,
} from "./tls_stream.ts";

/** Options of {@linkcode selfCheck}. */
export interface SelfCheckOptions extends AbortOptions {
  /** A client certificate that the client CA has not signed. */
  readonly foreign: KeyPair;
  /** Does the handshake; {@linkcode acceptTls} by default. */
  readonly accept?: typeof acceptTls;
}

const timeoutMs = 10_000;

/**
 * Connects to ourselves without a certificate and with a foreign one, over loopback and through
 * the code that serves everybody. Rejects if either counts as a verified client, or cannot finish
 * its handshake: the runtime below has been wrong about that before.
 */
export async function selfCheck(
  identity: TlsIdentity,
  { foreign, accept = acceptTls, signal }: SelfCheckOptions,
): Promise<void> {
  using deadline = new Deadline(timeoutMs, { signal });
  const cases = [
    { client: "a client without a certificate", pair: undefined },
    { client: "a client with a certificate of a foreign CA", pair: foreign },
  ];
  for (const { client, pair } of cases) {
    const peer = await meetOurselves(identity, pair, accept, deadline.signal)
      .catch((cause: unknown) => {
        signal.throwIfAborted();
        const message = `Cannot serve the kubelet API: the handshake with ` +
          `${client} fails`;
        throw new Error(message, { cause });
      });
    if (peer.kind === "verified") {
      throw new Error(
        `Cannot serve the kubelet API: ${client} counts as verified`,
      );
    }
  }
}

async function meetOurselves(
  identity: TlsIdentity,
  pair: KeyPair | undefined,
  accept: typeof acceptTls,
  signal: AbortSignal,
): Promise<TlsPeer> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const client = tls.connect({
    host: "127.0.0.1",
    port: listener.addr.port,
    // Only what the server thinks of the client is of interest here.
    rejectUnauthorized: false,
    ...(pair && { cert: pair.certificate, key: pair.privateKey }),
  });
  const closed = once(client, "close").catch(() => undefined); // an error closes it too
  client.on("error", () => undefined);
  try {
    const conn = await abortable(listener.accept(), { signal });
    const { peer, stream } = await accept(conn, identity, { signal });
    stream.destroy();
    return peer;
  } finally {
    client.destroy();
    await closed;
  }
}
