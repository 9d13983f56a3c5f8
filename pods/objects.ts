import type { AbortOptions } from "../async/abort.ts";
import type { ConfigMap, Pod, Secret, Service } from "../k8s/types.ts";
import type { PodIdentity } from "../providers/runtime.ts";
import type { ReferencedObjects } from "./referenced_objects.ts";

/** Which token a pod asks for. */
export interface TokenOptions {
  /** Who shall accept the token; the API server unless said. */
  readonly audience?: string;
  /** How long the token shall live; an hour unless said. */
  readonly expirationSeconds?: number;
}

/** A token of a pod's service account. */
export interface ServiceAccountToken {
  readonly token: string;
  readonly expiresAt: Date;
}

/**
 * Where the environment and the volumes of pods get the objects that they refer to.
 *
 * An absent object is undefined; an object that cannot be read is an error. Who reads for a pod
 * must {@linkcode release} it when the pod is gone, and not read for it afterwards.
 */
export interface ObjectSource {
  /** The ConfigMap of that name beside the pod. */
  configMap(
    pod: PodIdentity,
    name: string,
    options: AbortOptions,
  ): Promise<ConfigMap | undefined>;
  /** The Secret of that name beside the pod. */
  secret(
    pod: PodIdentity,
    name: string,
    options: AbortOptions,
  ): Promise<Secret | undefined>;
  /** Every Service of a namespace. */
  services(
    namespace: string,
    options: AbortOptions,
  ): Promise<readonly Service[]>;
  /** The handler of a RuntimeClass; undefined when there is no such class. Only a cluster has any. */
  runtimeHandler?(
    name: string,
    options: AbortOptions,
  ): Promise<string | undefined>;
  /** A token bound to the pod, valid for some time to come. */
  serviceAccountToken(
    pod: Pod,
    token: TokenOptions,
    options: AbortOptions,
  ): Promise<ServiceAccountToken>;
  /** UIDs of pods for which an object that was read for them is different now, or a token is due. */
  changes(options: AbortOptions): AsyncIterable<string>;
  /** Says that nobody needs the objects of this pod any more. */
  release(podUid: string): void;
}

/** Objects that were read for a pod, by name; an absent object is not in it. */
export interface PodObjects {
  readonly configMaps: ReadonlyMap<string, ConfigMap>;
  readonly secrets: ReadonlyMap<string, Secret>;
}

/** Reads all `references` of a pod at once. */
export async function readObjects(
  pod: PodIdentity,
  references: ReferencedObjects,
  { objects, signal }: AbortOptions & { readonly objects: ObjectSource },
): Promise<PodObjects> {
  const [configMaps, secrets] = await Promise.all([
    readAll(
      references.configMaps,
      (name) => objects.configMap(pod, name, { signal }),
    ),
    readAll(
      references.secrets,
      (name) => objects.secret(pod, name, { signal }),
    ),
  ]);
  return { configMaps, secrets };
}

async function readAll<T>(
  names: readonly string[],
  read: (name: string) => Promise<T | undefined>,
): Promise<ReadonlyMap<string, T>> {
  const found = new Map<string, T>();
  await Promise.all(names.map(async (name) => {
    const object = await read(name);
    if (object !== undefined) found.set(name, object);
  }));
  return found;
}

/** The error of the kubelet, and of the API, for an object that a pod needs and that is absent. */
export function objectNotFound(
  kind: "configmap" | "secret",
  name: string,
): Error {
  return new Error(`${kind} "${name}" not found`);
}
