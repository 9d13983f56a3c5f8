import { isIP } from "node:net";
import { join } from "node:path";
import { writePrivateFile } from "../async/private_file.ts";
import { certificateFromProcess } from "./certificate_process.ts";
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
  const names = [
    ...new Set([nodeName, ...addresses, "localhost", "127.0.0.1"]),
  ].map(canonicalName).sort();
  return await kept(join(stateDirectory, "kubelet-serving.pem"), {
    name: `CN=${escapeName(nodeName)}`,
    dnsNames: names.filter((name) => isIP(name) === 0),
    ipAddresses: names.filter((name) => isIP(name) !== 0),
    usage: "serverAuth",
  }, now);
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

type Subject = Omit<
  Parameters<typeof certificateFromProcess>[0],
  "notBefore" | "notAfter"
>;

/** The pair in `file` while it is good; else a new one, which replaces the file atomically. */
async function kept(file: string, subject: Subject, now: Date) {
  const found = await readKept(file);
  const names = JSON.stringify(subject);
  if (found !== undefined && found.names === names && good(found, now)) {
    return found.pair;
  }
  const notBefore = new Date(now.getTime() - pastMs);
  const notAfter = new Date(now.getTime() + lifeMs);
  const pair = await certificateFromProcess({
    ...subject,
    notBefore,
    notAfter,
  });
  // Key and certificate in one file: they can never disagree. PEM allows text before the blocks.
  const text = [
    `Subject: ${names}`,
    `Not before: ${notBefore.toISOString()}`,
    `Not after: ${notAfter.toISOString()}`,
    pair.certificate,
    pair.privateKey,
    "",
  ].join("\n");
  await Deno.mkdir(join(file, ".."), { recursive: true, mode: 0o700 });
  await writePrivateFile(file, text);
  return pair;
}

const keptFile =
  /^Subject: (.*)\nNot before: (\S+)\nNot after: (\S+)\n(-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----)\s+(-----BEGIN PRIVATE KEY-----[^]*?-----END PRIVATE KEY-----)\s*$/;

/** The content of a file that {@linkcode kept} wrote; undefined for anything else. */
async function readKept(file: string) {
  const text = await Deno.readTextFile(file).catch((error: unknown) => {
    if (error instanceof Deno.errors.NotFound) return "";
    throw new Error(`Cannot read "${file}"`, { cause: error });
  });
  const [, names, notBefore, notAfter, certificate, privateKey] =
    keptFile.exec(text) ?? [];
  if (certificate === undefined || privateKey === undefined) return undefined;
  return {
    names,
    notBefore: new Date(notBefore ?? ""),
    notAfter: new Date(notAfter ?? ""),
    pair: { certificate, privateKey },
  };
}

function good(
  { notBefore, notAfter }: { notBefore: Date; notAfter: Date },
  now: Date,
): boolean {
  const lived = now.getTime() - notBefore.getTime();
  const life = notAfter.getTime() - notBefore.getTime();
  return lived >= 0 && lived < life * reusedLife;
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
