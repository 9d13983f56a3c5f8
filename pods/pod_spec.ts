import type { Container, Pod } from "../k8s/types.ts";
import type { PodIdentity } from "../providers/runtime.ts";

/** When a container's image is fetched, as `imagePullPolicy`. */
export type PullPolicy = "Always" | "IfNotPresent" | "Never";

/** One container as it should be, with the API's defaults filled in. */
export interface DesiredContainer {
  /** A sidecar is an init container with `restartPolicy: Always` (KEP-753). */
  readonly kind: "init" | "sidecar" | "app" | "ephemeral";
  readonly name: string;
  readonly image: string;
  readonly pullPolicy: PullPolicy;
  /** The rest, untouched. */
  readonly spec: Container;
}

/** One pod as it should be, with the API's defaults filled in. */
export interface DesiredPod extends PodIdentity {
  readonly restartPolicy: "Always" | "OnFailure" | "Never";
  /** Init containers and sidecars, in their order. */
  readonly initContainers: readonly DesiredContainer[];
  readonly containers: readonly DesiredContainer[];
  readonly ephemeralContainers: readonly DesiredContainer[];
  readonly activeDeadlineSeconds?: number;
  readonly terminationGracePeriodSeconds: number;
  /** Whether the API already says that the pod has ended: it must never run again. */
  readonly ended: boolean;
  /** The object itself, untouched. */
  readonly pod: Pod;
}

/** Reads what farlet acts on out of a Pod; all defaults of the API are applied here. */
export function desiredPod(pod: Pod): DesiredPod {
  const { spec } = pod;
  const deadline = spec?.activeDeadlineSeconds;
  return {
    ...podIdentity(pod),
    restartPolicy: restartPolicy(spec?.restartPolicy),
    initContainers: (spec?.initContainers ?? []).map((container) =>
      desiredContainer(
        container,
        container.restartPolicy === "Always" ? "sidecar" : "init",
      )
    ),
    containers: (spec?.containers ?? []).map((container) =>
      desiredContainer(container, "app")
    ),
    ephemeralContainers: (spec?.ephemeralContainers ?? []).map((container) =>
      desiredContainer(container as Container, "ephemeral")
    ),
    ...(deadline === undefined ? {} : { activeDeadlineSeconds: deadline }),
    terminationGracePeriodSeconds: spec?.terminationGracePeriodSeconds ?? 30,
    ended: hasEnded(pod),
    pod,
  };
}

/** All containers of a pod, of every kind. */
export function containersOf(
  { initContainers, containers, ephemeralContainers }: DesiredPod,
): readonly DesiredContainer[] {
  return [...initContainers, ...containers, ...ephemeralContainers];
}

/** Whether the API says that the pod has ended, for better or worse. */
export function hasEnded({ status }: Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}

/** The names of a Pod; an object without them is a TypeError. */
export function podIdentity({ metadata }: Pod): PodIdentity {
  const { uid, name, namespace = "default" } = metadata ?? {};
  if (uid === undefined || name === undefined) {
    throw new TypeError("Cannot use a Pod without metadata.uid and name");
  }
  return { uid, namespace, name };
}

function restartPolicy(text: string | undefined): DesiredPod["restartPolicy"] {
  return text === "Never" || text === "OnFailure" ? text : "Always";
}

function desiredContainer(
  spec: Container,
  kind: DesiredContainer["kind"],
): DesiredContainer {
  const image = spec.image ?? "";
  return {
    kind,
    name: spec.name,
    image,
    pullPolicy: pullPolicy(spec.imagePullPolicy, image),
    spec,
  };
}

/** Unless the pod says: `Always` for the tag `latest` or none, else `IfNotPresent`. */
export function pullPolicy(
  given: string | undefined,
  image: string,
): PullPolicy {
  if (given === "Always" || given === "Never" || given === "IfNotPresent") {
    return given;
  }
  if (image.startsWith("file:") || image.includes("@")) return "IfNotPresent";
  const tag = image.slice(image.lastIndexOf("/") + 1).split(":")[1];
  return tag === undefined || tag === "latest" ? "Always" : "IfNotPresent";
}
