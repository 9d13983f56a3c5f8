import type { AbortOptions } from "../async/abort.ts";
import { getLogger } from "../async/log.ts";
import { BearerTls } from "./bearer_tls.ts";
import type { Peer } from "./context.ts";
import type { AcceptedClient } from "./http_front.ts";
import {
  acceptTls,
  type KeyPair,
  type TlsIdentity,
  type TlsPeer,
} from "./tls_stream.ts";

/** Options of {@linkcode listenTls}. */
export interface TlsListenOptions {
  readonly hostname: string;
  /** 0 for a free one. */
  readonly port: number;
  /** What is served at first. */
  readonly serving: KeyPair;
  /** What the next client is met with; undefined where the runtime cannot verify clients. */
  readonly identity:
    | {
      readonly current: TlsIdentity;
      serve(serving: KeyPair, options: AbortOptions): Promise<void>;
    }
    | undefined;
}

/** A listening port and how to do the handshake on what it accepts; disposed of, it accepts no more. */
export interface TlsListener extends Disposable {
  readonly listener: Deno.TcpListener;
  /** Undefined for a client that was closed because its certificate proves nothing. */
  readonly accept: (
    conn: Deno.Conn,
    options: AbortOptions,
  ) => Promise<AcceptedClient | undefined>;
  /**
   * Shows another certificate to later clients; connections of earlier ones go on. Rejects when it
   * cannot be used, and the last one stays.
   */
  readonly serve: (serving: KeyPair, options: AbortOptions) => Promise<void>;
}

const log = getLogger("kubelet");

/**
 * Whether a version of Deno verifies client certificates: before 2.8.3 it ignored the wish for
 * one, or took clients without one for verified.
 */
export function canVerifyClients(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.+-]/).map(Number);
  if (major !== 2) return major > 2;
  if (minor !== 8) return minor > 8;
  return patch >= 3;
}

/** Listens for TLS clients, in the way that the runtime is good for. */
export function listenTls(
  { hostname, port, serving, identity }: TlsListenOptions,
): TlsListener {
  try {
    using scope = new DisposableStack();
    const listener = scope.adopt(
      Deno.listen({ hostname, port }),
      closeListener,
    );
    const tls = identity === undefined
      ? bearing(scope.use(new BearerTls(serving)))
      : verifying(identity);
    const resources = scope.move();
    const dispose = () => resources.dispose();
    return { listener, ...tls, [Symbol.dispose]: dispose };
  } catch (cause) {
    const message = `Cannot serve the kubelet API on ${hostname}:${port}`;
    throw new Error(message, { cause });
  }
}

function closeListener(listener: Deno.TcpListener): void {
  try {
    listener.close();
  } catch (error) {
    // Whoever accepted has closed it.
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

type Handshakes = Pick<TlsListener, "accept" | "serve">;

function verifying(
  identity: NonNullable<TlsListenOptions["identity"]>,
): Handshakes {
  const accept: Handshakes["accept"] = async (conn, options) => {
    const { peer, stream } = await acceptTls(conn, identity.current, options);
    if (peer.kind === "unverified") {
      const address = conn.remoteAddr;
      log.info("Refused a client certificate", { ...peer, address });
      stream.destroy();
      return undefined;
    }
    return { peer: knownPeer(peer), stream };
  };
  return { accept, serve: identity.serve.bind(identity) };
}

function bearing(tls: BearerTls): Handshakes {
  return {
    accept: async (conn, options) => ({
      peer: { kind: "anonymous" },
      stream: await tls.accept(conn, options),
    }),
    serve: (serving) => tls.serve(serving),
  };
}

/** As the API server reads certificates: without a CN nobody is named. */
function knownPeer(peer: Exclude<TlsPeer, { kind: "unverified" }>): Peer {
  if (peer.kind === "none" || peer.commonName === "") {
    return { kind: "anonymous" };
  }
  const { commonName: username, organizations: groups } = peer;
  return { kind: "certificate", user: { username, groups } };
}
