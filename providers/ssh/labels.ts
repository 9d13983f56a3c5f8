import type { SandboxSpec } from "../container_spec.ts";
import type { PodIdentity } from "../runtime.ts";

/**
 * The labels by which a container on a host is known: the next agent finds all that it must know
 * of a run in them. Those of `io.kubernetes` are the ones that other tools know from the kubelet.
 */
export const label = {
  podUid: "io.kubernetes.pod.uid",
  podName: "io.kubernetes.pod.name",
  podNamespace: "io.kubernetes.pod.namespace",
  container: "io.kubernetes.container.name",
  /** The node that the container belongs to. */
  node: "farlet.dev/node",
  kind: "farlet.dev/kind",
  attempt: "farlet.dev/attempt",
  /** The image as the pod named it, and what that resolved to. */
  image: "farlet.dev/image",
  imageId: "farlet.dev/image-id",
  /** The ID of the sandbox that a container was made to run in. */
  sandbox: "farlet.dev/sandbox",
  /** Tells whether a container that was never started is still the one that is wanted. */
  specHash: "farlet.dev/spec-hash",
  /** Whether the input of a container ends with that of its first client: Podman forgets it. */
  stdinOnce: "farlet.dev/stdin-once",
  /** Of a sandbox: what its containers must be told of it. */
  hostname: "farlet.dev/hostname",
  network: "farlet.dev/network",
  ipc: "farlet.dev/ipc",
  pid: "farlet.dev/pid",
} as const;

/** Labels of a container, as an engine has them. */
export type Labels = Readonly<Record<string, string>>;

/** Whose a container is, and what it is. */
export interface ContainerIdentity {
  readonly pod: PodIdentity;
  readonly node: string;
  /** What keeps the image of a volume is a container that never runs. */
  readonly kind: "sandbox" | "container" | "volume";
  /** The name in the pod: of the container or the volume; empty for a sandbox. */
  readonly container: string;
  /** 0 for the first run, or the first sandbox, of the pod. */
  readonly attempt: number;
  readonly image: string;
  readonly imageId: string;
  /** The ID of the sandbox; empty for a sandbox. */
  readonly sandbox: string;
}

/** The labels that {@linkcode identityOf} reads. */
export function identityLabels(identity: ContainerIdentity): Labels {
  const { pod } = identity;
  return {
    [label.podUid]: pod.uid,
    [label.podName]: pod.name,
    [label.podNamespace]: pod.namespace,
    [label.node]: identity.node,
    [label.kind]: identity.kind,
    [label.attempt]: String(identity.attempt),
    [label.image]: identity.image,
    [label.imageId]: identity.imageId,
    ...(identity.kind === "sandbox" ? {} : {
      [label.container]: identity.container,
      [label.sandbox]: identity.sandbox,
    }),
  };
}

/** Whose a container with these labels is; undefined for one that farlet did not make. */
export function identityOf(labels: Labels): ContainerIdentity | undefined {
  const uid = labels[label.podUid];
  const node = labels[label.node];
  const kind = labels[label.kind];
  const attempt = Number(labels[label.attempt]);
  const container = labels[label.container] ?? "";
  if (uid === undefined || node === undefined) return undefined;
  if (kind !== "sandbox" && kind !== "container" && kind !== "volume") {
    return undefined;
  }
  if (kind !== "sandbox" && container === "") return undefined;
  if (!Number.isSafeInteger(attempt) || attempt < 0) return undefined;
  return {
    pod: {
      uid,
      namespace: labels[label.podNamespace] ?? "",
      name: labels[label.podName] ?? "",
    },
    node,
    kind,
    container,
    attempt,
    image: labels[label.image] ?? "",
    imageId: labels[label.imageId] ?? "",
    sandbox: labels[label.sandbox] ?? "",
  };
}

/** What a sandbox shares with its containers. */
export type SharedTraits = Pick<
  SandboxSpec,
  "hostname" | "network" | "ipc" | "pid"
>;

/** The labels that {@linkcode sharedTraits} reads. */
export function sharedLabels(
  { hostname, network, ipc, pid }: SharedTraits,
): Labels {
  return {
    [label.hostname]: hostname,
    [label.network]: network,
    [label.ipc]: ipc,
    [label.pid]: pid,
  };
}

/** What the containers of the sandbox with these labels share. */
export function sharedTraits(labels: Labels): SharedTraits {
  const pid = labels[label.pid];
  return {
    hostname: labels[label.hostname] ?? "",
    network: labels[label.network] === "host" ? "host" : "pod",
    ipc: labels[label.ipc] === "host" ? "host" : "pod",
    pid: pid === "pod" || pid === "host" ? pid : "container",
  };
}

/** The label filters that select what belongs to a node. */
export function ofNode(node: string): readonly string[] {
  return [`${label.node}=${node}`];
}

/**
 * The name of a run on its host: only one container can have it. A sandbox is called `POD`, as no
 * container of a pod can be, and what keeps an image of a volume has a dot in its name.
 */
export function engineName(
  { pod, kind, container, attempt }: Pick<
    ContainerIdentity,
    "pod" | "kind" | "container" | "attempt"
  >,
): string {
  const names = { sandbox: "POD", container, volume: `volume.${container}` };
  return `farlet_${pod.uid}_${names[kind]}_${attempt}`;
}

/**
 * Whose a container is by its labels, if its name is one that farlet gives to such a run: an image
 * that somebody made of a container has its labels, and what is run from that image is theirs.
 */
export function ownerOf(
  labels: Labels,
  names: readonly string[],
): ContainerIdentity | undefined {
  const identity = identityOf(labels);
  if (identity === undefined) return undefined;
  const own = engineName(identity);
  const isOwn = names.map((name) => name.replace(/^\//, ""))
    .some((name) => name === own || name.startsWith(`${own}_`));
  return isOwn ? identity : undefined;
}
