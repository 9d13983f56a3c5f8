import { abortable, type AbortOptions } from "../../../async/abort.ts";
import type { NameResolver } from "../name_resolver.ts";
import { systemCertificates } from "./system_certificates.ts";
import { connectFailure, HttpFailure } from "./http_failure.ts";

/** A server that a guest sends a request to. */
export interface HttpServer {
  readonly scheme: "http" | "https";
  /** A name or an address; one of IPv6 in brackets. */
  readonly host: string;
  readonly port: number;
}

/**
 * Connects to a server that a guest may reach, at the addresses that its name has now and no
 * others. Rejects with an {@linkcode HttpFailure}.
 */
export async function connectHttp(
  { scheme, host, port }: HttpServer,
  names: NameResolver,
  { signal }: AbortOptions,
): Promise<Deno.Conn> {
  if (!names.allowsHost(host, port, scheme)) throw denied();
  const found = await names.lookup(host, { signal })
    .catch((error) => Promise.reject(connectFailure(error)));
  const allowed = found.filter((ip) => names.allowsAddress(ip, port, scheme));
  let failure = denied();
  for (const ip of allowed) {
    try {
      const conn = await connect(ip, port, { signal });
      if (scheme === "http") return conn;
      return await secure(conn, host.replace(/^\[(.*)\]$/, "$1"), { signal });
    } catch (error) {
      signal.throwIfAborted();
      failure = connectFailure(error);
    }
  }
  throw failure;
}

/** What the policy forbids, as a guest is told. */
export function denied(): HttpFailure {
  return new HttpFailure({ tag: "HTTP-request-denied" });
}

async function connect(
  hostname: string,
  port: number,
  { signal }: AbortOptions,
): Promise<Deno.TcpConn> {
  const connecting = Deno.connect({ hostname, port });
  try {
    const conn = await abortable(connecting, { signal });
    conn.setNoDelay();
    return conn;
  } catch (error) {
    // It may still come about, and nobody wants it.
    connecting.then((conn) => conn.close(), () => undefined);
    throw error;
  }
}

async function secure(
  tcp: Deno.TcpConn,
  hostname: string,
  { signal }: AbortOptions,
): Promise<Deno.TlsConn> {
  const caCerts = [...await systemCertificates()];
  const conn = await Deno.startTls(tcp, {
    ...{ hostname, caCerts },
    alpnProtocols: ["http/1.1"],
  });
  try {
    await abortable(conn.handshake(), { signal });
    return conn;
  } catch (error) {
    conn.close();
    throw error;
  }
}
