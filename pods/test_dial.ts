import type { Dial } from "./pod_http.ts";

/** Connects to servers of this machine as a runtime does to those of pods. */
export const localDial: Dial = async ({ host, port }, { signal }) => {
  const conn = await Deno.connect({ hostname: host, port });
  signal.addEventListener("abort", () => {
    try {
      conn.close();
    } catch {
      // Closed before.
    }
  }, { once: true });
  return { readable: conn.readable, writable: conn.writable };
};

/** The key pair of a TLS server that nobody believes: PEM, made by openssl. */
export async function untrustedKeyPair(): Promise<{
  readonly key: string;
  readonly cert: string;
}> {
  const { stdout, success } = await new Deno.Command("openssl", {
    args: [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt"],
      ...["ec_paramgen_curve:P-256", "-nodes", "-days", "1"],
      ...["-subj", "/CN=untrusted", "-keyout", "-", "-out", "-"],
    ],
    stderr: "null",
  }).output();
  if (!success) throw new Error("openssl failed");
  const text = new TextDecoder().decode(stdout);
  const at = text.indexOf("-----BEGIN CERTIFICATE-----");
  return { key: text.slice(0, at), cert: text.slice(at) };
}
