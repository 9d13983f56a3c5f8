import type { CertificateNames } from "./self_signed.ts";
import {
  alternativeNames,
  loadX509,
  newKeys,
  privateKeyPem,
  signingAlgorithm,
} from "./x509.ts";

/** A request for a certificate (PKCS #10) and the key that it is for, both PEM. */
export interface CertificateRequest {
  readonly request: string;
  readonly privateKey: string;
}

/** Makes an ECDSA P-256 key and a request for a certificate of it; to be done in its own process. */
export async function certificateRequest(
  names: CertificateNames,
): Promise<CertificateRequest> {
  const x509 = await loadX509();
  const keys = await newKeys();
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: names.name,
    keys,
    signingAlgorithm,
    extensions: [alternativeNames(x509, names)],
  }, crypto);
  return {
    request: request.toString("pem"),
    privateKey: await privateKeyPem(x509, keys),
  };
}
