import { RuntimeError } from "./errors.ts";

/** The name of an image, whole. */
export interface ImageName {
  /** As it was given. */
  readonly text: string;
  /** Such as `docker.io` or `localhost:5000`. */
  readonly registry: string;
  /** Such as `library/busybox`. */
  readonly repository: string;
  /** `latest` where the name has neither a tag nor a digest. */
  readonly tag?: string;
  /** Such as `sha256:…`. */
  readonly digest?: string;
  /** As every engine knows it: `docker.io/library/busybox:latest`; a digest outdoes a tag. */
  readonly full: string;
  /** Whether the name left it open which registry is meant. */
  readonly short: boolean;
}

/** The grammar of https://github.com/distribution/reference, as the kubelet uses it. */
const component = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const label = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const domain = new RegExp(
  `^(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`,
);
const repositories = new RegExp(`^${component}(?:/${component})*$`);
const tags = /^[\w][\w.-]{0,127}$/;
const digests =
  /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:([0-9a-fA-F]{32,})$/;
const hexDigits: Readonly<Record<string, number>> = {
  sha256: 64,
  sha384: 96,
  sha512: 128,
};
/** Bytes of a repository with its registry. */
const maxNameLength = 255;

/**
 * Reads the name of an image as a pod gives it.
 *
 * @throws {RuntimeError} `InvalidImageName`, in the kubelet's words.
 */
export function parseImageName(text: string): ImageName {
  const [, named = "", digest] = /^([^@]*)(?:@(.*))?$/s.exec(text) ?? [];
  if (/^[a-f0-9]{64}$/.test(text)) {
    throw invalid(text, "64 hex digits are an ID, not a name");
  }
  const lastSlash = named.lastIndexOf("/");
  const colon = named.indexOf(":", lastSlash + 1);
  const path = colon < 0 ? named : named.slice(0, colon);
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  const { registry, repository, short } = splitRegistry(path);
  if (/[A-Z]/.test(repository)) {
    throw invalid(text, "repository name must be lowercase");
  }
  if (
    !domain.test(registry) || !repositories.test(repository) ||
    (tag !== undefined && !tags.test(tag)) ||
    (digest !== undefined && !isDigest(digest))
  ) throw invalid(text, "invalid reference format");
  if (`${registry}/${repository}`.length > maxNameLength) {
    throw invalid(
      text,
      `repository name must not be more than ${maxNameLength} characters`,
    );
  }
  const version = digest === undefined ? `:${tag ?? "latest"}` : `@${digest}`;
  return {
    text,
    registry,
    repository,
    short,
    ...(digest === undefined
      ? { tag: tag ?? "latest" }
      : tag === undefined
      ? {}
      : { tag }),
    ...(digest === undefined ? {} : { digest }),
    full: `${registry}/${repository}${version}`,
  };
}

/** A first part is a registry only if it looks like one. */
function splitRegistry(
  path: string,
): Pick<ImageName, "registry" | "repository" | "short"> {
  const slash = path.indexOf("/");
  const first = path.slice(0, Math.max(0, slash));
  const isRegistry = first === "localhost" || /[.:A-Z]/.test(first);
  const registry = isRegistry ? first : "docker.io";
  const repository = isRegistry ? path.slice(slash + 1) : path;
  const hub = registry === "docker.io" || registry === "index.docker.io";
  return {
    registry: hub ? "docker.io" : registry,
    repository: hub && !repository.includes("/")
      ? `library/${repository}`
      : repository,
    short: !isRegistry,
  };
}

function isDigest(text: string): boolean {
  const [, hex] = digests.exec(text) ?? [];
  if (hex === undefined) return false;
  const algorithm = text.slice(0, text.indexOf(":"));
  const length = hexDigits[algorithm];
  return length === undefined || hex.length === length;
}

function invalid(text: string, why: string): RuntimeError {
  return new RuntimeError(
    "InvalidImageName",
    `Failed to apply default image tag "${text}": couldn't parse image name "${text}": ${why}`,
  );
}
