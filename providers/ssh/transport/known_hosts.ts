import { Buffer } from "node:buffer";
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { getLogger } from "../../../async/log.ts";
import type { HostKeyVerifier, KeyVerdict } from "./target.ts";

/** One line of a known_hosts file (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). */
interface KnownKey {
  /** `file:line`, for messages. */
  readonly place: string;
  readonly marker: "" | "@revoked" | "@cert-authority";
  /** A comma-separated list of patterns, or a hash. */
  readonly hosts: string;
  readonly type: string;
  readonly key: Uint8Array;
}

const log = getLogger("ssh");
const markers = ["@revoked", "@cert-authority"] as const;

/**
 * The host keys of known_hosts files, read anew for each connection. A file that does not exist has
 * none; lines that cannot be read are left out with a warning.
 */
export class KnownHosts implements HostKeyVerifier {
  readonly #files: readonly string[];
  readonly #warned = new Set<string>();

  constructor(files: readonly string[]) {
    this.#files = files;
  }

  get file(): string | undefined {
    return this.#files[0];
  }

  algorithms(host: string, port: number): readonly string[] {
    const keys = this.#keysOf(host, port)
      .filter(({ marker }) => marker === "");
    return [...new Set(keys.map(({ type }) => type))];
  }

  verify(host: string, port: number, key: Uint8Array): KeyVerdict {
    const known = this.#keysOf(host, port);
    const same = known.filter((entry) => isSame(entry.key, key));
    const revoked = same.find(({ marker }) => marker === "@revoked");
    const name = hostName(host, port);
    if (revoked !== undefined) {
      const message =
        `The key that ${name} shows was revoked (${revoked.place}): do not connect until its owner has given it a new one`;
      return { kind: "revoked", message };
    }
    if (same.some(({ marker }) => marker === "")) return { kind: "trusted" };
    const [other] = known.filter(({ marker }) => marker === "");
    const fingerprint = keyFingerprint(key);
    if (other !== undefined) {
      const message =
        `${name} shows another host key (${fingerprint}) than the one that is known (${
          keyFingerprint(other.key)
        }, ${other.place}): somebody may be in between; if the host was set up anew, remove the old key with ssh-keygen -R "${
          knownName(host, port)
        }"`;
      return { kind: "mismatch", message };
    }
    const [authority] = known.filter(({ marker }) =>
      marker === "@cert-authority"
    );
    if (authority !== undefined) {
      const message =
        `${name} is known by a certificate authority only (${authority.place}), and farlet takes no host certificates: add the host's own key (${fingerprint})`;
      return { kind: "mismatch", message };
    }
    return { kind: "unknown", fingerprint };
  }

  /** What the files say of a host, revoked keys and authorities included. */
  #keysOf(host: string, port: number): readonly KnownKey[] {
    const name = knownName(host, port);
    return this.#files.flatMap((file) => this.#read(file))
      .filter(({ hosts }) => matchesHosts(hosts, name));
  }

  #read(file: string): readonly KnownKey[] {
    let text;
    try {
      text = Deno.readTextFileSync(file);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw new Error(`Cannot read the known hosts in "${file}"`, {
        cause: error,
      });
    }
    return text.split("\n").flatMap((line, index) => {
      const place = `${file}:${index + 1}`;
      const entry = parseLine(line, place);
      if (entry !== "malformed") return entry === undefined ? [] : [entry];
      if (!this.#warned.has(place)) {
        log.warn("Left out a line of known_hosts that cannot be read", {
          place,
        });
      }
      this.#warned.add(place);
      return [];
    });
  }
}

/** As `ssh-keygen -l` prints it: `SHA256:…`. */
export function keyFingerprint(key: Uint8Array): string {
  const digest = createHash("sha256").update(key).digest("base64");
  return `SHA256:${digest.replace(/=+$/, "")}`;
}

/** The type that a key says it is of, such as `ssh-ed25519`. */
export function keyType(key: Uint8Array): string {
  if (key.length < 4) return "";
  const length = new DataView(key.buffer, key.byteOffset).getUint32(0);
  return new TextDecoder().decode(key.subarray(4, 4 + length));
}

/**
 * Adds a key to a known_hosts file, which is made with mode 0600 if it is missing; nothing if the
 * key is there already. The name is hashed where the file has hashed names.
 */
export async function appendKnownHost(
  file: string,
  { host, port, key }: {
    readonly host: string;
    readonly port: number;
    readonly key: Uint8Array;
  },
): Promise<void> {
  if (new KnownHosts([file]).verify(host, port, key).kind === "trusted") return;
  let before = "";
  try {
    before = await Deno.readTextFile(file);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const name = knownName(host, port);
  const hashed = /^\|1\|/m.test(before) ? hashName(name) : name;
  const encoded = Buffer.from(key).toString("base64");
  const gap = before === "" || before.endsWith("\n") ? "" : "\n";
  await Deno.writeTextFile(
    file,
    `${gap}${hashed} ${keyType(key)} ${encoded}\n`,
    { append: true, mode: 0o600 },
  );
}

/** The name in known_hosts: with the port in brackets, unless that is 22. */
export function knownName(host: string, port: number): string {
  const name = host.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

function hostName(host: string, port: number): string {
  return port === 22 ? host : `${host} (port ${port})`;
}

function hashName(name: string): string {
  const salt = crypto.getRandomValues(new Uint8Array(20));
  const base64 = Buffer.from(salt).toString("base64");
  return `|1|${base64}|${hmac(name, salt).toString("base64")}`;
}

function hmac(name: string, salt: Uint8Array): Buffer {
  return createHmac("sha1", salt).update(name).digest();
}

/** Undefined for an empty line or a comment. */
function parseLine(
  line: string,
  place: string,
): KnownKey | "malformed" | undefined {
  const words = line.trim().split(/\s+/);
  const [first = ""] = words;
  if (first === "" || first.startsWith("#")) return undefined;
  const marker = markers.find((known) => known === first) ?? "";
  if (first.startsWith("@") && marker === "") return "malformed";
  const [hosts, type, encoded] = marker === "" ? words : words.slice(1);
  if (hosts === undefined || type === undefined || encoded === undefined) {
    return "malformed";
  }
  const key = new Uint8Array(Buffer.from(encoded, "base64"));
  if (keyType(key) !== type) return "malformed";
  return { place, marker, hosts, type, key };
}

function matchesHosts(hosts: string, name: string): boolean {
  if (hosts.startsWith("|1|")) {
    const [, , salt = "", hash = ""] = hosts.split("|");
    const wanted = Buffer.from(hash, "base64");
    const found = hmac(name, Buffer.from(salt, "base64"));
    return wanted.length === found.length && timingSafeEqual(wanted, found);
  }
  return matchesPatterns(hosts.toLowerCase().split(","), name);
}

/** Whether one of the patterns matches, and none of those with `!`. */
export function matchesPatterns(
  patterns: readonly string[],
  name: string,
): boolean {
  const excluded = patterns.some((pattern) =>
    pattern.startsWith("!") && matchesPattern(pattern.slice(1), name)
  );
  return !excluded &&
    patterns.some((pattern) => matchesPattern(pattern, name));
}

/** `*` and `?` as in ssh_config(5), "PATTERNS". */
export function matchesPattern(pattern: string, name: string): boolean {
  // Step by step: a regular expression of many stars could take for ever.
  let at = 0;
  let star = -1;
  let mark = 0;
  for (let i = 0; i < name.length;) {
    if (pattern[at] === "*") {
      star = at++;
      mark = i;
    } else if (pattern[at] === "?" || pattern[at] === name[i]) {
      at++;
      i++;
    } else if (star >= 0) {
      at = star + 1;
      i = ++mark;
    } else return false;
  }
  while (pattern[at] === "*") at++;
  return at === pattern.length;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
