import { Buffer } from "node:buffer";
import { createPrivateKey, type KeyObject } from "node:crypto";
import { ConfigError } from "../../../async/config_error.ts";
import { messageOf } from "../../../async/message_of.ts";
import { openSshToPem } from "./ssh_client.ts";
import type { Identity } from "./target.ts";

/** Gives the passphrase of a key; undefined when nobody knows it. Asked for encrypted keys only. */
export type AskPassphrase = (source: string) => Promise<string | undefined>;

const openSshHeader = "-----BEGIN OPENSSH PRIVATE KEY-----";

/**
 * A key in a file: OpenSSH's own format, PEM or PKCS#8; ed25519, RSA or ECDSA; encrypted or not. A
 * file that others than its owner may read is refused, as ssh refuses it.
 */
export function fileIdentity(path: string, ask: AskPassphrase): Identity {
  return {
    source: path,
    async privateKey() {
      return await readPrivateKey(await readSecretFile(path), {
        source: path,
        ask,
      });
    },
  };
}

/**
 * The key in a form that ssh2 reads, decrypted.
 *
 * @throws {ConfigError} That names `source`, and never the key.
 */
export async function readPrivateKey(
  text: string,
  { source, ask }: { readonly source: string; readonly ask: AskPassphrase },
): Promise<string> {
  const isOpenSsh = text.includes(openSshHeader);
  const encrypted = isOpenSsh
    ? isEncryptedOpenSsh(text)
    : /ENCRYPTED/.test(text.slice(0, 512));
  if (isOpenSsh) {
    const type = openSshType(text);
    if (!knownTypes.includes(type)) throw cannot(source, unknownType(type));
    if (!encrypted && !type.startsWith("ecdsa-")) return text;
  }
  if (/BEGIN (SSH2|PUBLIC|RSA PUBLIC)/.test(text) || /^ssh-/.test(text)) {
    throw cannot(source, "it is a public key: name the private one");
  }
  const passphrase = encrypted ? await ask(source) : undefined;
  if (encrypted && !passphrase) {
    throw cannot(
      source,
      "it is encrypted, and its passphrase is not known: name a file with --passphrase-file, set FARLET_SSH_PASSPHRASE, or add the key to an agent (ssh-add)",
    );
  }
  const pem = isOpenSsh ? await openSshToPem(text, passphrase ?? "") : text;
  if (pem === undefined) throw cannot(source, wrongPassphrase);
  try {
    return encodeKey(
      createPrivateKey({
        key: repairedSec1(pem),
        ...(isOpenSsh || passphrase === undefined ? {} : { passphrase }),
      }),
    );
  } catch (cause) {
    const why = encrypted && !(cause instanceof TypeError)
      ? wrongPassphrase
      : messageOf(cause);
    throw cannot(source, why, { cause });
  }
}

const wrongPassphrase =
  "its passphrase is wrong, or it is of a kind that farlet does not know";

/** Those that ssh2 can sign with on Deno. */
const knownTypes: readonly string[] = [
  "ssh-ed25519",
  "ssh-rsa",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
];

function unknownType(type: string): string {
  return `farlet cannot log in with keys of type "${type}": make one with ssh-keygen -t ed25519, or add it to an agent (ssh-add)`;
}

/** PEM for RSA and ECDSA; OpenSSH's own format for ed25519, which has no other that ssh2 reads. */
function encodeKey(key: KeyObject): string {
  switch (key.asymmetricKeyType) {
    case "rsa":
      return String(key.export({ type: "pkcs1", format: "pem" }));
    case "ec": {
      const { namedCurve = "" } = key.asymmetricKeyDetails ?? {};
      // Older versions of Deno say p256.
      if (!/^(prime256v1|p256|secp384r1|p384)$/.test(namedCurve)) {
        throw new TypeError(unknownType(`ECDSA ${namedCurve}`));
      }
      return String(key.export({ type: "sec1", format: "pem" }));
    }
    case "ed25519":
      return encodeEd25519(key);
    default:
      throw new TypeError(unknownType(String(key.asymmetricKeyType)));
  }
}

/** https://cvsweb.openbsd.org/src/usr.bin/ssh/PROTOCOL.key */
function encodeEd25519(key: KeyObject): string {
  const { d = "", x = "" } = key.export({ format: "jwk" });
  const secret = Buffer.from(d, "base64url");
  const open = Buffer.from(x, "base64url");
  const type = Buffer.from("ssh-ed25519");
  const publicKey = Buffer.concat([field(type), field(open)]);
  const check = Buffer.from(crypto.getRandomValues(new Uint8Array(4)));
  const section = Buffer.concat([
    ...[check, check, field(type), field(open)],
    ...[field(Buffer.concat([secret, open])), field(Buffer.alloc(0))],
  ]);
  const padding = Buffer.from(
    Array.from({ length: (8 - section.length % 8) % 8 }, (_, i) => i + 1),
  );
  const none = field(Buffer.from("none"));
  const body = Buffer.concat([
    ...[Buffer.from("openssh-key-v1\0"), none, none, field(Buffer.alloc(0))],
    ...[Buffer.from([0, 0, 0, 1]), field(publicKey)],
    field(Buffer.concat([section, padding])),
  ]).toString("base64");
  const lines = body.match(/.{1,70}/g) ?? [];
  return [openSshHeader, ...lines, "-----END OPENSSH PRIVATE KEY-----", ""]
    .join("\n");
}

function field(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/**
 * A SEC1 key whose number has its full length and no more (RFC 5915, section 3), as Deno demands:
 * ssh2 makes them from OpenSSH's, which have a zero in front of half of all numbers.
 */
function repairedSec1(pem: string): string {
  const [, encoded] =
    /-----BEGIN EC PRIVATE KEY-----([^:-]*)-----END/.exec(pem) ?? [];
  if (encoded === undefined) return pem;
  const der = Buffer.from(encoded, "base64");
  // A sequence: its length in one byte or two, the version 1, the number, the curve and the rest.
  const start = (der[1] ?? 0) < 0x80 ? 2 : 3;
  const number = start + 5;
  const end = number + (der[number - 1] ?? 0);
  const rest = der.subarray(end);
  const bytes = curveBytes(rest);
  if (bytes === undefined) return pem;
  const digits = der.subarray(number, end);
  const padded = Buffer.concat([Buffer.alloc(bytes), digits]).subarray(-bytes);
  const content = Buffer.concat([
    der.subarray(start, start + 4),
    Buffer.from([bytes]),
    padded,
    rest,
  ]);
  const length = content.length < 0x80
    ? [content.length]
    : [0x81, content.length];
  const body = Buffer.concat([Buffer.from([0x30, ...length]), content])
    .toString("base64");
  const lines = body.match(/.{1,64}/g) ?? [];
  return [
    "-----BEGIN EC PRIVATE KEY-----",
    ...lines,
    "-----END EC PRIVATE KEY-----",
    "",
  ].join("\n");
}

/** How long the numbers of a curve are that is named in DER; undefined for others than these. */
function curveBytes(der: Buffer): number | undefined {
  const nistp256 = Buffer.from("06082a8648ce3d030107", "hex");
  const nistp384 = Buffer.from("06052b81040022", "hex");
  if (der.includes(nistp256)) return 32;
  return der.includes(nistp384) ? 48 : undefined;
}

/** The name of the cipher stands behind the magic. */
function isEncryptedOpenSsh(text: string): boolean {
  const bytes = openSshBytes(text);
  const start = "openssh-key-v1\0".length;
  if (bytes.length < start + 4) return false;
  const length = bytes.readUInt32BE(start);
  return bytes.toString("latin1", start + 4, start + 4 + length) !== "none";
}

/** The type stands first in the public key, behind the ways of encryption and a count. */
function openSshType(text: string): string {
  const bytes = openSshBytes(text);
  let at = "openssh-key-v1\0".length;
  const next = () => at + 4 <= bytes.length ? bytes.readUInt32BE(at) + 4 : 0;
  for (let i = 0; i < 3; i++) at += next();
  at += 8;
  return bytes.toString("latin1", at + 4, at + next());
}

function openSshBytes(text: string): Buffer {
  const [, encoded = ""] =
    /BEGIN OPENSSH PRIVATE KEY-----([^-]*)-----END/.exec(text) ?? [];
  return Buffer.from(encoded, "base64");
}

/**
 * The text of a file with a secret, without what is blank at its end.
 *
 * @throws {ConfigError} When it cannot be read, or others than its owner may read it.
 */
export async function readSecretFile(path: string): Promise<string> {
  try {
    const { mode, isFile } = await Deno.stat(path);
    if (!isFile) throw new Error("it is no file");
    if (mode !== null && (mode & 0o077) !== 0 && Deno.build.os !== "windows") {
      throw new Error(
        `others may read it (mode ${
          (mode & 0o777).toString(8).padStart(4, "0")
        }): chmod 600 it`,
      );
    }
    return (await Deno.readTextFile(path)).trimEnd() + "\n";
  } catch (cause) {
    throw cannot(path, messageOf(cause), { cause });
  }
}

function cannot(
  source: string,
  why: string,
  options?: ErrorOptions,
): ConfigError {
  return new ConfigError(`Cannot use the key "${source}": ${why}`, options);
}
