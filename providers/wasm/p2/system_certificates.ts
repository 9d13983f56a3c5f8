/**
 * The certificates that this machine trusts, as PEM, where Deno must be told: a compiled program
 * knows those that were built in and no others. Nothing where Deno knows them by itself.
 */
export async function systemCertificates(): Promise<readonly string[]> {
  if (!Deno.build.standalone) return [];
  for (const path of bundles) {
    try {
      return [await Deno.readTextFile(path)];
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return [];
}

/** Of Debian and Alpine, Fedora, openSUSE, and macOS with BSD's. */
const bundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];
