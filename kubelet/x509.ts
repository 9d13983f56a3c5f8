import type { CertificateNames } from "./self_signed.ts";

/** How farlet's own keys sign: ECDSA over P-256. */
export const signingAlgorithm = {
  name: "ECDSA",
  namedCurve: "P-256",
  hash: "SHA-256",
} as const;

/** Loads the library, which costs 0.4 s and 29 MB: not to be done in the agent's own process. */
export async function loadX509() {
  await import("reflect-metadata"); // tsyringe, below @peculiar/x509, needs it first
  return await import("@peculiar/x509");
}

/** What {@linkcode loadX509} gives. */
export type X509 = Awaited<ReturnType<typeof loadX509>>;

/** A new key for {@linkcode signingAlgorithm}. */
export async function newKeys(): Promise<CryptoKeyPair> {
  return await crypto.subtle.generateKey(signingAlgorithm, true, [
    "sign",
    "verify",
  ]);
}

/** The private key as PEM (PKCS #8). */
export async function privateKeyPem(
  x509: X509,
  { privateKey }: CryptoKeyPair,
): Promise<string> {
  const bytes = await crypto.subtle.exportKey("pkcs8", privateKey);
  return x509.PemConverter.encode(bytes, "PRIVATE KEY");
}

/** The extension that names hosts. */
export function alternativeNames(
  x509: X509,
  { dnsNames = [], ipAddresses = [] }: CertificateNames,
) {
  return new x509.SubjectAlternativeNameExtension([
    ...dnsNames.map((value) => ({ type: "dns", value }) as const),
    ...ipAddresses.map((value) => ({ type: "ip", value }) as const),
  ]);
}
