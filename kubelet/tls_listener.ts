import { abortable, type AbortOptions } from "../async/abort.ts";
import { getLogger } from "../async/log.ts";
import { closeConn, connStream } from "./byte_stream.ts";
import type { Peer } from "./context.ts";
import type { AcceptedClient } from "./tls_front.ts";
import {
  acceptTls,
  type KeyPair,
  type TlsIdentity,
  type TlsPeer,
} from "./tls_stream.ts";

/** Options of {@linkcode listenTls}. */
export interface TlsListenOptions {
  readonly hostname: string;
  readonly port: number;
  readonly serving: KeyPair;
  /** What the next client is met with; undefined where the runtime cannot verify clients. */
  readonly identity: { readonly current: TlsIdentity } | undefined;
}

/** A listening port and how to do the handshake on what it accepts. */
export interface TlsListener {
  readonly listener: Deno.TcpListener | Deno.TlsListener;
  /** Undefined for a client that was closed because its certificate proves nothing. */
  readonly accept: (
    conn: Deno.Conn,
    options: AbortOptions,
  ) => Promise<AcceptedClient | undefined>;
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
export function listenTls(options: TlsListenOptions): TlsListener {
  const { hostname, port, identity } = options;
  try {
    if (identity === undefined) {
      return { listener: listenBearer(options), accept: acceptBearer };
    }
    const accept = verifying(() => identity.current);
    return { listener: Deno.listen({ hostname, port }), accept };
  } catch (cause) {
    const message = `Cannot serve the kubelet API on ${hostname}:${port}`;
    throw new Error(message, { cause });
  }
}

function verifying(identity: () => TlsIdentity): TlsListener["accept"] {
  return async (conn, options) => {
    const { peer, stream } = await acceptTls(conn, identity(), options);
    if (peer.kind === "unverified") {
      const address = conn.remoteAddr;
      log.info("Refused a client certificate", { ...peer, address });
      stream.destroy();
      return undefined;
    }
    return { peer: knownPeer(peer), stream };
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

function listenBearer({ hostname, port, serving }: TlsListenOptions) {
  return Deno.listenTls({
    hostname,
    port,
    cert: serving.certificate,
    key: serving.privateKey,
    alpnProtocols: ["http/1.1"],
  });
}

async function acceptBearer(
  conn: Deno.Conn,
  options: AbortOptions,
): Promise<AcceptedClient> {
  const tlsConn = conn as Deno.TlsConn; // listenBearer() makes no others
  try {
    await abortable(tlsConn.handshake(), options);
  } catch (error) {
    closeConn(conn);
    throw error;
  }
  return { peer: { kind: "anonymous" }, stream: connStream(conn) };
}
