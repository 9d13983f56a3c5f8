import { repositoryOf } from "../providers/registry_keyring.ts";

/** A Secret that opened an image's registry, or may have. */
export interface PullSecret {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Of the credentials; empty where it is not known. */
  readonly hash: string;
}

/** Whose pods may use an image without asking its registry. */
export type Openers = "everybody" | readonly PullSecret[];

/**
 * Who may use the images that were fetched for pods, and what is being fetched. An image of which
 * nothing is written was there before, and is everybody's: the kubelet's
 * `NeverVerifyPreloadedImages`, which is its default.
 */
export interface ImageAccess {
  /** By the ID of the image, and by the repository as which it was fetched. */
  readonly images: Readonly<Record<string, Readonly<Record<string, Openers>>>>;
  /** Names of images whose fetching was begun; nobody knows how it ended after a crash. */
  readonly begun: readonly string[];
}

/** Access to nothing but what was there before. */
export const noImageAccess: ImageAccess = { images: {}, begun: [] };

/** The kubelet's limit for adding Secrets that only match. */
const maxMatching = 100;
const maxImages = 5_000;

/** What of an image is looked up. */
export interface ImageUse {
  /** As the pod names it. */
  readonly image: string;
  /** What it is here. */
  readonly imageId: string;
}

/** Whether an image was fetched for pods, so that not every pod may use it. */
export function isGuarded(
  { images, begun }: ImageAccess,
  { image, imageId }: ImageUse,
): boolean {
  return imageKey(imageId) in images || begun.includes(image);
}

/** Whether a pod with these Secrets may use the image as it is here, without asking its registry. */
export function mayUse(
  access: ImageAccess,
  use: ImageUse,
  secrets: readonly PullSecret[],
): boolean {
  if (!isGuarded(access, use)) return true;
  const openers = openersOf(access, use);
  if (openers === undefined) return false;
  if (openers === "everybody") return true;
  return secrets.some((secret) =>
    openers.some((opener) =>
      isSameSecret(opener, secret) || hashes(opener, secret)
    )
  );
}

/** Remembers that an image is being fetched. */
export function withBegun(access: ImageAccess, image: string): ImageAccess {
  if (access.begun.includes(image)) return access;
  return { ...access, begun: [...access.begun, image] };
}

/** Remembers that an image is not being fetched any more. */
export function withEnded(access: ImageAccess, image: string): ImageAccess {
  if (!access.begun.includes(image)) return access;
  return { ...access, begun: access.begun.filter((each) => each !== image) };
}

/** Remembers who has opened the registry of an image that was fetched. */
export function withOpeners(
  access: ImageAccess,
  use: ImageUse,
  openers: Openers,
): ImageAccess {
  const before = openersOf(access, use);
  const merged = mergeOpeners(before, openers);
  if (merged === before) return access;
  const key = imageKey(use.imageId);
  const { [key]: image, ...others } = access.images;
  const kept = Object.entries(others).slice(1 - maxImages);
  return {
    ...access,
    images: {
      ...Object.fromEntries(kept),
      [key]: { ...image, [repositoryOf(use.image)]: merged },
    },
  };
}

/** Remembers Secrets by which a pod may use an image, where they are new forms of known ones. */
export function withMatching(
  access: ImageAccess,
  use: ImageUse,
  secrets: readonly PullSecret[],
): ImageAccess {
  const openers = openersOf(access, use);
  if (openers === undefined || openers === "everybody") return access;
  const [matching] = secrets.filter((secret) =>
    openers.some((opener) =>
      isSameSecret(opener, secret) || hashes(opener, secret)
    )
  );
  if (matching === undefined || openers.length >= maxMatching) return access;
  return withOpeners(access, use, [matching]);
}

/** Reads what {@linkcode formatImageAccess} wrote. Throws a TypeError for anything else. */
export function parseImageAccess(text: string): ImageAccess {
  const { images, begun } = object(JSON.parse(text));
  const isText = (value: unknown) => typeof value === "string";
  if (!Array.isArray(begun) || !begun.every(isText)) throw unreadable();
  return {
    begun,
    images: Object.fromEntries(
      Object.entries(object(images)).map(([id, repositories]) => [
        id,
        Object.fromEntries(
          Object.entries(object(repositories)).map(([repository, openers]) => [
            repository,
            parseOpeners(openers),
          ]),
        ),
      ]),
    ),
  };
}

/** The access as a text to keep. */
export function formatImageAccess(access: ImageAccess): string {
  return `${JSON.stringify(access)}\n`;
}

function openersOf(
  { images }: ImageAccess,
  { image, imageId }: ImageUse,
): Openers | undefined {
  return images[imageKey(imageId)]?.[repositoryOf(image)];
}

/** The digest, which is the same for all repositories. */
function imageKey(imageId: string): string {
  return imageId.slice(imageId.indexOf("@") + 1);
}

function mergeOpeners(before: Openers | undefined, now: Openers): Openers {
  if (before === undefined || before === "everybody") return before ?? now;
  if (now === "everybody") return now;
  const fresh = now.filter((secret) =>
    !before.some((each) =>
      isSameSecret(each, secret) && each.hash === secret.hash
    )
  );
  if (fresh.length === 0) return before;
  const kept = before.filter((each) =>
    !fresh.some((secret) => isSameSecret(each, secret))
  );
  return [...kept, ...fresh];
}

function isSameSecret(a: PullSecret, b: PullSecret): boolean {
  return a.uid === b.uid && a.namespace === b.namespace && a.name === b.name;
}

function hashes(a: PullSecret, b: PullSecret): boolean {
  return a.hash !== "" && a.hash === b.hash;
}

function parseOpeners(value: unknown): Openers {
  if (value === "everybody") return value;
  if (!Array.isArray(value)) throw unreadable();
  return value.map((each) => {
    const { namespace, name, uid, hash } = object(each);
    if (
      typeof namespace !== "string" || typeof name !== "string" ||
      typeof uid !== "string" || typeof hash !== "string"
    ) throw unreadable();
    return { namespace, name, uid, hash };
  });
}

function object(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw unreadable();
  return value as Readonly<Record<string, unknown>>;
}

function unreadable(): TypeError {
  return new TypeError("Cannot read who may use which image: it is damaged");
}
