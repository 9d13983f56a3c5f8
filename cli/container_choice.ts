import type { Container, Pod } from "../k8s/types.ts";

/** A container of a pod, chosen by name or by default. */
export interface ChosenContainer {
  readonly container: Pick<Container, "name" | "tty" | "stdin">;
  /** What to tell the user on standard error, without a line end. */
  readonly hint?: string;
}

/** KEP-2227: the container that the pod's author wants to be shown first. */
const defaultAnnotation = "kubectl.kubernetes.io/default-container";

/**
 * The container that is called `name`; without a name, the one that the pod's annotation names,
 * else the first one, with kubectl's hint if there are others.
 *
 * @throws When the pod has no such container, in the words of `kubectl exec`.
 */
export function chooseContainer(
  pod: Pod,
  name: string | undefined,
): ChosenContainer {
  if (name !== undefined) {
    const container = findContainer(pod, name);
    if (container !== undefined) return { container };
    throw new Error(`container ${name} not found in pod ${podName(pod)}`);
  }
  const preferred = findContainer(pod, preferredName(pod));
  return preferred === undefined
    ? firstContainer(pod)
    : { container: preferred };
}

/**
 * As {@linkcode chooseContainer}, in the words of `kubectl logs`, which also tells of an
 * annotation that names no container.
 */
export function chooseLoggedContainer(
  pod: Pod,
  name: string | undefined,
): ChosenContainer {
  if (name !== undefined) {
    const container = findContainer(pod, name);
    if (container !== undefined) return { container };
    throw new Error(
      `container ${name} is not valid for pod ${podName(pod)} out of: ${
        containerNames(pod)
      }`,
    );
  }
  const preferred = preferredName(pod);
  const container = findContainer(pod, preferred);
  if (container !== undefined) return { container };
  const first = firstContainer(pod);
  if (preferred === undefined) return first;
  const missing = `Default container name ${
    JSON.stringify(preferred)
  } not found in pod ${podName(pod)}`;
  const hint = first.hint === undefined ? missing : `${missing}\n${first.hint}`;
  return { ...first, hint };
}

/** The names of all containers, in the order in which they start. */
export function allContainers({ spec }: Pod): readonly string[] {
  const { initContainers = [], containers = [], ephemeralContainers = [] } =
    spec ?? {};
  return [...initContainers, ...containers, ...ephemeralContainers]
    .map(({ name }) => name);
}

function firstContainer(pod: Pod): ChosenContainer {
  const [container] = pod.spec?.containers ?? [];
  if (container === undefined) {
    throw new Error(`pod ${podName(pod)} does not have any containers`);
  }
  if (allContainers(pod).length === 1) return { container };
  const hint = `Defaulted container ${JSON.stringify(container.name)} out of: ${
    containerNames(pod)
  }`;
  return { container, hint };
}

function findContainer(
  { spec }: Pod,
  name: string | undefined,
): ChosenContainer["container"] | undefined {
  const { containers = [], initContainers = [], ephemeralContainers = [] } =
    spec ?? {};
  return [...containers, ...initContainers, ...ephemeralContainers]
    .find((container) => container.name === name);
}

function preferredName({ metadata }: Pod): string | undefined {
  return metadata?.annotations?.[defaultAnnotation] || undefined;
}

/** As kubectl lists them: `app, debug (ephem), setup (init)`. */
function containerNames({ spec }: Pod): string {
  const { containers = [], initContainers = [], ephemeralContainers = [] } =
    spec ?? {};
  return [
    ...containers.map(({ name }) => name),
    ...ephemeralContainers.map(({ name }) => `${name} (ephem)`),
    ...initContainers.map(({ name }) => `${name} (init)`),
  ].join(", ");
}

function podName({ metadata }: Pod): string {
  return metadata?.name ?? "";
}
