import { messageOf } from "../async/message_of.ts";
import type { AbortOptions } from "../async/abort.ts";
import type { Container, EnvVar, Pod, Service } from "../k8s/types.ts";
import { RuntimeError } from "../providers/errors.ts";
import type { ServerAddress } from "../providers/provider.ts";
import { expand, valueOf } from "./expansion.ts";
import { type DownwardView, fieldValue, resourceValue } from "./field_ref.ts";
import {
  type EnvFiles,
  fileKeyRef,
  fileKeyValue,
  readEnvFiles,
  type ReadVolumeFile,
} from "./file_key_ref.ts";
import { decodeText } from "../k8s/object_content.ts";
import {
  objectNotFound,
  type ObjectSource,
  type PodObjects,
  readObjects,
} from "./objects.ts";
import { podIdentity } from "./pod_spec.ts";
import { containerReferences } from "./referenced_objects.ts";
import {
  linkedServices,
  serviceVariables,
  withApiServer,
} from "./service_links.ts";

/** Whose environment to make, and what it may learn about itself. */
export interface EnvironmentInput extends DownwardView {
  readonly pod: Pod;
  readonly container: Container;
  /** Where the pod finds the API server; at its Service unless given. */
  readonly apiServer?: ServerAddress | undefined;
  /** Reads a file of a volume of the pod; undefined where there is none. */
  readonly readVolumeFile?: ReadVolumeFile | undefined;
}

/**
 * The environment of a container: variables of Services, over them `envFrom` in order, over them
 * `env` with `$(NAME)` expanded.
 *
 * Whatever cannot be resolved is a `RuntimeError` `CreateContainerConfigError`, with the kubelet's
 * message where it has one.
 */
export async function resolveEnvironment(
  input: EnvironmentInput,
  objects: ObjectSource,
  { signal }: AbortOptions,
): Promise<Readonly<Record<string, string>>> {
  const { pod, container } = input;
  const identity = podIdentity(pod);
  try {
    const [services, files, read] = await Promise.all([
      readServices(pod, objects, { signal }),
      readEnvFiles(input, { signal }),
      readObjects(identity, containerReferences(container), {
        objects,
        signal,
      }),
    ]);
    return environment({ ...input, services, files, objects: read });
  } catch (error) {
    signal.throwIfAborted();
    throw configError(error);
  }
}

/**
 * {@linkcode resolveEnvironment} from objects that were read before; what cannot be resolved is an
 * Error with the same message.
 */
export function environment(
  input: EnvironmentInput & {
    /** Of the pod's namespace, and `kubernetes` of `default`; others do no harm. */
    readonly services: readonly Service[];
    readonly files?: EnvFiles;
    readonly objects: PodObjects;
  },
): Readonly<Record<string, string>> {
  const { pod, container, services, objects, apiServer } = input;
  const { namespace } = podIdentity(pod);
  const known = apiServer ? withApiServer(services, apiServer) : services;
  const links = serviceVariables(linkedServices(known, {
    namespace,
    enableServiceLinks: wantsServiceLinks(pod),
  }));
  const own = new Map<string, string>();
  for (const { prefix = "", ...reference } of container.envFrom ?? []) {
    for (const [key, value] of keysOf(reference, objects)) {
      own.set(checkedName(prefix + key), value);
    }
  }
  for (const variable of container.env ?? []) {
    const value = variable.value
      ? expand(variable.value, (name) => own.get(name) ?? links.get(name))
      : valueFrom(variable, input);
    if (value !== undefined) own.set(checkedName(variable.name), value);
  }
  return Object.fromEntries([...links, ...own]);
}

/** A container's command or arguments with `$(NAME)` replaced from its environment. */
export function expandCommand(
  list: readonly string[],
  env: Readonly<Record<string, string>>,
): readonly string[] {
  return list.map((text) => expand(text, (name) => valueOf(env, name)));
}

/** As `spec.enableServiceLinks`: yes unless the pod says no. */
function wantsServiceLinks({ spec }: Pod): boolean {
  return spec?.enableServiceLinks ?? true;
}

async function readServices(
  pod: Pod,
  objects: ObjectSource,
  { signal }: AbortOptions,
): Promise<readonly Service[]> {
  const { namespace } = podIdentity(pod);
  const namespaces = new Set(["default"]);
  if (wantsServiceLinks(pod)) namespaces.add(namespace);
  const read = [...namespaces].map((name) =>
    objects.services(name, { signal })
  );
  return (await Promise.all(read)).flat();
}

/** All pairs of the object that one entry of `envFrom` names. */
function keysOf(
  { configMapRef, secretRef }: Omit<
    NonNullable<Container["envFrom"]>[number],
    "prefix"
  >,
  { configMaps, secrets }: PodObjects,
): readonly (readonly [string, string])[] {
  if (configMapRef) {
    const name = configMapRef.name ?? "";
    const found = configMaps.get(name);
    if (!found && !configMapRef.optional) {
      throw objectNotFound("configmap", name);
    }
    return Object.entries(found?.data ?? {});
  }
  if (secretRef) {
    const name = secretRef.name ?? "";
    const found = secrets.get(name);
    if (!found && !secretRef.optional) throw objectNotFound("secret", name);
    return Object.entries(found?.data ?? {})
      .map(([key, value]) => [key, decodeText(value)]);
  }
  return [];
}

/** The value that `valueFrom` names; undefined where an optional object or key is absent. */
function valueFrom(
  { name: variable, valueFrom }: EnvVar,
  input: EnvironmentInput & {
    readonly objects: PodObjects;
    readonly files?: EnvFiles;
  },
): string | undefined {
  const { pod, container, node, objects } = input;
  const { namespace } = podIdentity(pod);
  if (valueFrom?.fieldRef) {
    return fieldValue(pod, valueFrom.fieldRef.fieldPath, input);
  }
  if (valueFrom?.resourceFieldRef) {
    return resourceValue(pod, valueFrom.resourceFieldRef, {
      own: container,
      node,
    });
  }
  if (valueFrom?.configMapKeyRef) {
    const { name = "", key, optional } = valueFrom.configMapKeyRef;
    const found = objects.configMaps.get(name);
    const value = valueOf(found?.data ?? {}, key);
    if (value !== undefined || optional) return value;
    throw found
      ? keyNotFound(key, "ConfigMap", { namespace, name })
      : objectNotFound("configmap", name);
  }
  if (valueFrom?.secretKeyRef) {
    const { name = "", key, optional } = valueFrom.secretKeyRef;
    const found = objects.secrets.get(name);
    const value = valueOf(found?.data ?? {}, key);
    if (value !== undefined) return decodeText(value);
    if (optional) return undefined;
    throw found
      ? keyNotFound(key, "Secret", { namespace, name })
      : objectNotFound("secret", name);
  }
  const ref = fileKeyRef(valueFrom);
  if (ref) return fileKeyValue(ref, input.files ?? new Map());
  const [unknown] = Object.keys(valueFrom ?? {});
  if (unknown === undefined) return "";
  throw new Error(
    `Cannot set environment variable "${variable}": valueFrom.${unknown} is not supported`,
  );
}

function keyNotFound(
  key: string,
  kind: "ConfigMap" | "Secret",
  { namespace, name }: { readonly namespace: string; readonly name: string },
): Error {
  return new Error(`couldn't find key ${key} in ${kind} ${namespace}/${name}`);
}

/** Since 1.34 Kubernetes allows every name that a process can be given. */
function checkedName(name: string): string {
  if (/^[^=\0]+$/.test(name)) return name;
  throw new Error(
    `Cannot set environment variable ${
      JSON.stringify(name)
    }: the name is empty or has "="`,
  );
}

function configError(error: unknown): RuntimeError {
  if (error instanceof RuntimeError) return error;
  const message = messageOf(error);
  return new RuntimeError("CreateContainerConfigError", message, {
    cause: error,
  });
}
