import type { Secret } from "../k8s/types.ts";
import type { RegistryCredentials } from "./runtime.ts";
import { decodeText } from "../k8s/object_content.ts";

/** Credentials, and for which repositories: `host[:port][/path]`, with globs in the host. */
export interface KeyringEntry {
  readonly scope: string;
  readonly credentials: RegistryCredentials;
}

/** What `docker login` names Docker Hub. */
const defaultRegistry = "index.docker.io";

/**
 * What a Secret of type `kubernetes.io/dockerconfigjson` or `dockercfg` opens; nothing for other
 * types. A TypeError, which quotes nothing of it, if it cannot be read.
 */
export function readPullSecret(
  { type, data = {}, metadata }: Secret,
): readonly KeyringEntry[] {
  const key = type === "kubernetes.io/dockerconfigjson"
    ? ".dockerconfigjson"
    : type === "kubernetes.io/dockercfg"
    ? ".dockercfg"
    : undefined;
  const encoded = key === undefined ? undefined : data[key];
  if (key === undefined || encoded === undefined) return [];
  try {
    const text = decodeText(encoded);
    return key === ".dockercfg"
      ? entriesOf(JSON.parse(text))
      : readDockerConfig(text);
  } catch {
    // No cause: it would quote what must stay secret.
    throw new TypeError(
      `Cannot read image pull secret "${metadata?.name}": its ${key} is not a Docker configuration`,
    );
  }
}

/** What a `config.json` of Docker opens; fails in any way if it is none, with words of it. */
export function readDockerConfig(text: string): readonly KeyringEntry[] {
  return entriesOf(record(JSON.parse(text))["auths"] ?? {});
}

/**
 * The credentials to try for an image, the most specific first: the kubelet's keyring.
 *
 * An entry fits if its host does, part by part (`*.example.com` fits `a.example.com` only), its
 * port is the same and its path is how the repository begins. For Docker Hub, where none fits,
 * those of `index.docker.io` count.
 */
export function credentialsFor(
  image: string,
  keyring: readonly KeyringEntry[],
): readonly RegistryCredentials[] {
  const repository = repositoryOf(image);
  const fitting = keyring.filter(({ scope }) => fits(scope, repository));
  const found = fitting.length === 0 && repository.startsWith("docker.io/")
    ? keyring.filter(({ scope }) => scope === defaultRegistry)
    : fitting;
  return found.toSorted((a, b) =>
    a.scope < b.scope ? 1 : b.scope < a.scope ? -1 : 0
  )
    .map(({ credentials }) => credentials);
}

/** The full name of an image's repository: `docker.io/library/busybox` for `busybox:1.36`. */
export function repositoryOf(image: string): string {
  const [named = ""] = image.split("@");
  const slash = named.lastIndexOf("/");
  const colon = named.indexOf(":", slash + 1);
  const name = colon === -1 ? named : named.slice(0, colon);
  const [first = ""] = name.split("/");
  const hasHost = name.includes("/") &&
    (/[.:]/.test(first) || first === "localhost" ||
      first !== first.toLowerCase());
  const host = hasHost ? first : "docker.io";
  const path = hasHost ? name.slice(first.length + 1) : name;
  if (host !== "docker.io" && host !== defaultRegistry) {
    return `${host}/${path}`;
  }
  return `docker.io/${path.includes("/") ? path : `library/${path}`}`;
}

function entriesOf(auths: unknown): readonly KeyringEntry[] {
  return Object.entries(record(auths)).flatMap(([location, entry]) => {
    const credentials = credentialsOf(record(entry));
    return credentials ? [{ scope: scopeOf(location), credentials }] : [];
  });
}

/** A location of a Docker configuration (`https://index.docker.io/v1/`) as a scope. */
function scopeOf(location: string): string {
  const url = location.replace(/^https?:\/\//, "");
  const slash = url.indexOf("/");
  if (slash === -1) return url;
  const path = url.slice(slash).replace(/^\/v[12]\//, "/");
  return url.slice(0, slash) + (path === "/" ? "" : path);
}

function fits(scope: string, repository: string): boolean {
  const [wanted, given] = [split(scope), split(repository)];
  return wanted.port === given.port &&
    wanted.parts.length === given.parts.length &&
    given.path.startsWith(wanted.path) &&
    wanted.parts.every((part, i) => glob(part).test(given.parts[i] ?? ""));
}

function split(
  location: string,
): {
  readonly parts: readonly string[];
  readonly port: string;
  readonly path: string;
} {
  const slash = location.indexOf("/");
  const authority = slash === -1 ? location : location.slice(0, slash);
  const [host = "", port = ""] = authority.split(":");
  const path = slash === -1 ? "" : location.slice(slash);
  return { parts: host.split("."), port, path };
}

function glob(pattern: string): RegExp {
  const source = pattern.replaceAll(
    /[\\^$.*+?()[\]{}|]/g,
    (character) =>
      character === "*" ? ".*" : character === "?" ? "." : `\\${character}`,
  );
  return new RegExp(`^${source}$`);
}

/** One entry of a Docker configuration; `auth` counts over `username` and `password`. */
function credentialsOf(
  { auth, username, password, identitytoken, registrytoken }: Readonly<
    Record<string, unknown>
  >,
): RegistryCredentials | undefined {
  if (isFilled(identitytoken)) {
    return { kind: "identityToken", token: identitytoken };
  }
  if (isFilled(registrytoken)) {
    return { kind: "registryToken", token: registrytoken };
  }
  if (isFilled(auth)) {
    const text = decodeText(auth.trim());
    const colon = text.indexOf(":");
    if (colon === -1) throw new TypeError("`auth` is not user:password");
    return {
      kind: "password",
      username: text.slice(0, colon),
      password: text.slice(colon + 1),
    };
  }
  if (!isFilled(username) && !isFilled(password)) return undefined;
  return {
    kind: "password",
    username: isFilled(username) ? username : "",
    password: isFilled(password) ? password : "",
  };
}

function isFilled(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw new TypeError("expected an object");
}
