import { isIP } from "node:net";
import { join } from "node:path";
import { certificateFromProcess } from "./certificate_process.ts";
import { livedPart, readKeptPair, writeKeptPair } from "./kept_key_pair.ts";
import type { CertificateNames, CertificateSubject } from "./self_signed.ts";
import type { KeyPair } from "./tls_stream.ts";

/** Where a serving certificate comes from, unless the operator has files of his own. */
export interface SelfSignedOptions {
  /** Exists already, or its parent does; keys in it are readable by the owner only. */
  readonly stateDirectory: string;
  readonly nodeName: string;
  /** IP addresses and DNS names under which the node is reached. */
  readonly addresses: readonly string[];
  readonly now?: Date;
}

const dayMs = 24 * 60 * 60_000;
/** A year, and an hour into the past for slow clocks, as the kubelet's own. */
const lifeMs = 365 * dayMs;
const pastMs = 60 * 60_000;
/** Rotated certificates of the kubelet are replaced at this part of their life. */
const reusedLife = 0.8;

/**
 * The certificate kept in the state directory, made anew when it is missing, unreadable, past
 * 80 % of its life, or for other names.
 */
export async function selfSignedServingCertificate(
  options: SelfSignedOptions,
): Promise<KeyPair> {
  const { stateDirectory, nodeName, addresses, now = new Date() } = options;
  return await kept(join(stateDirectory, "kubelet-serving.pem"), {
    name: `CN=${escapeName(nodeName)}`,
    ...alternativeNames([nodeName, ...addresses, "localhost", "127.0.0.1"]),
    usage: "serverAuth",
  }, now);
}

/** What a node's certificate is asked for: the kubelet's names, as the signer demands them. */
export function servingNames(
  nodeName: string,
  addresses: readonly string[],
): CertificateNames {
  return {
    name: `O=system:nodes,CN=system:node:${escapeName(nodeName)}`,
    ...alternativeNames([nodeName, ...addresses]),
  };
}

/** A client certificate that no client CA has signed, for {@linkcode selfCheck}. */
export async function foreignClientCertificate(
  stateDirectory: string,
  now: Date = new Date(),
): Promise<KeyPair> {
  return await kept(join(stateDirectory, "kubelet-self-test.pem"), {
    name: "O=system:masters,CN=farlet-self-test",
    usage: "clientAuth",
  }, now);
}

/** Reads a certificate chain and its key, PEM, from files of the operator. */
export async function readKeyPair(
  certificateFile: string,
  privateKeyFile: string,
): Promise<KeyPair> {
  return {
    certificate: await readPem(certificateFile, "CERTIFICATE"),
    privateKey: await readPem(privateKeyFile, "PRIVATE KEY"),
  };
}

async function readPem(file: string, label: string): Promise<string> {
  const text = await Deno.readTextFile(file).catch((cause: unknown) => {
    throw new Error(`Cannot read "${file}"`, { cause });
  });
  if (new RegExp(`-----BEGIN [A-Z ]*${label}-----`).test(text)) return text;
  throw new Error(`Cannot use "${file}": it has no PEM block "${label}"`);
}

type Subject = Omit<CertificateSubject, "notBefore" | "notAfter">;

/** The pair in `file` while it is good; else a new one, which replaces the file atomically. */
async function kept(file: string, subject: Subject, now: Date) {
  const found = await readKeptPair(file);
  const names = JSON.stringify(subject);
  if (found?.names === names) {
    const lived = livedPart(found, now);
    if (lived >= 0 && lived < reusedLife) return found.pair;
  }
  const notBefore = new Date(now.getTime() - pastMs);
  const notAfter = new Date(now.getTime() + lifeMs);
  const validity = { notBefore, notAfter };
  const pair = await certificateFromProcess({ ...subject, ...validity });
  await writeKeptPair(file, { names, ...validity, pair });
  return pair;
}

function alternativeNames(all: readonly string[]) {
  const names = [...new Set(all.map(canonicalName))].sort();
  return {
    dnsNames: names.filter((name) => isIP(name) === 0),
    ipAddresses: names.filter((name) => isIP(name) !== 0),
  };
}

/** IPv6 addresses have many spellings. */
function canonicalName(name: string): string {
  return isIP(name) === 6
    ? new URL(`http://[${name}]`).hostname.slice(1, -1)
    : name.toLowerCase();
}

/** RFC 4514: node names have nothing to escape, but a configured one might. */
function escapeName(value: string): string {
  return value.replace(/[\\,+"<>;=#]/g, "\\$&");
}
