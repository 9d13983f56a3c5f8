import type { KeyPair } from "./tls_stream.ts";
import {
  alternativeNames,
  loadX509,
  newKeys,
  privateKeyPem,
  signingAlgorithm,
} from "./x509.ts";

/** Whom a certificate names. */
export interface CertificateNames {
  /** As RFC 4514: `CN=node-1`. */
  readonly name: string;
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
}

/** What a certificate says of its holder. */
export interface CertificateSubject extends CertificateNames {
  readonly usage: "serverAuth" | "clientAuth";
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/**
 * Makes an ECDSA P-256 key and a certificate for it, signed by itself.
 *
 * Its library is large: the agent has it done by a process of its own.
 */
export async function selfSignedCertificate(
  subject: CertificateSubject,
): Promise<KeyPair> {
  const x509 = await loadX509();
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: subject.name,
    keys,
    signingAlgorithm,
    notBefore: subject.notBefore,
    notAfter: subject.notAfter,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyCertSign,
        true,
      ),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage[subject.usage],
      ]),
      alternativeNames(x509, subject),
    ],
  }, crypto);
  return {
    certificate: certificate.toString("pem"),
    privateKey: await privateKeyPem(x509, keys),
  };
}
