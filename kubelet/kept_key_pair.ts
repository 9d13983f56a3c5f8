import { createPublicKey, X509Certificate } from "node:crypto";
import { join } from "node:path";
import { writePrivateFile } from "../async/private_file.ts";
import type { KeyPair } from "./tls_stream.ts";

/** From when to when a certificate is good. */
export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** A certificate of ours, as it is kept in the state directory. */
export interface KeptKeyPair extends Validity {
  /** What was asked for, in any form: another text means that another certificate is needed. */
  readonly names: string;
  readonly pair: KeyPair;
}

/**
 * When a certificate is good; of a chain, its first one.
 *
 * @throws {Error} When it is no certificate, or the private key is not that of it.
 */
export function keyPairValidity(
  { certificate, privateKey }: KeyPair,
): Validity {
  const { publicKey, validFrom, validTo } = new X509Certificate(certificate);
  const spki = { type: "spki", format: "pem" } as const;
  // X509Certificate#checkPrivateKey is not there before Deno 2.8.
  const own = createPublicKey(privateKey).export(spki);
  if (publicKey.export(spki) !== own) {
    throw new Error(
      "Cannot use the private key: it is not that of the certificate",
    );
  }
  return { notBefore: new Date(validFrom), notAfter: new Date(validTo) };
}

/** Writes a file that only its owner may read, atomically; its directory is made if need be. */
export async function writeKeptPair(
  file: string,
  { names, notBefore, notAfter, pair }: KeptKeyPair,
): Promise<void> {
  // Key and certificate in one file: they can never disagree. PEM allows text before the blocks.
  const text = [
    `Subject: ${names}`,
    `Not before: ${notBefore.toISOString()}`,
    `Not after: ${notAfter.toISOString()}`,
    pair.certificate.trimEnd(),
    pair.privateKey,
    "",
  ].join("\n");
  await Deno.mkdir(join(file, ".."), { recursive: true, mode: 0o700 });
  await writePrivateFile(file, text);
}

const keptFile =
  /^Subject: (.*)\nNot before: (\S+)\nNot after: (\S+)\n((?:-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----\s+)+)(-----BEGIN PRIVATE KEY-----[^]*?-----END PRIVATE KEY-----)\s*$/;

/** The content of a file of {@linkcode writeKeptPair}; undefined for anything else, or no file. */
export async function readKeptPair(
  file: string,
): Promise<KeptKeyPair | undefined> {
  const text = await readIfThere(file);
  const [, names = "", notBefore, notAfter, certificate, privateKey] =
    keptFile.exec(text) ?? [];
  if (certificate === undefined || privateKey === undefined) return undefined;
  return {
    names,
    notBefore: new Date(notBefore ?? ""),
    notAfter: new Date(notAfter ?? ""),
    pair: { certificate: certificate.trimEnd(), privateKey },
  };
}

/** The text of a file; empty if there is none. */
export async function readIfThere(file: string): Promise<string> {
  return await Deno.readTextFile(file).catch((error: unknown) => {
    if (error instanceof Deno.errors.NotFound) return "";
    throw new Error(`Cannot read "${file}"`, { cause: error });
  });
}

/** What part of a certificate's life has passed at `now`: 0 to 1 while it is good. */
export function livedPart(
  { notBefore, notAfter }: Validity,
  now: Date,
): number {
  const lived = now.getTime() - notBefore.getTime();
  return lived / (notAfter.getTime() - notBefore.getTime());
}

/**
 * Between 70 and 90 % of a certificate's life, as the kubelet (client-go's `jitteryDuration`), so
 * that nodes which came together do not ask together.
 *
 * @param random Gives numbers from 0 to below 1; `Math.random` by default.
 */
export function renewalTime(
  { notBefore, notAfter }: Validity,
  random: () => number = Math.random,
): Date {
  const life = notAfter.getTime() - notBefore.getTime();
  return new Date(
    notBefore.getTime() + Math.round(life * (0.7 + random() / 5)),
  );
}
