import { bytes, cpuMillis } from "../k8s/quantity.ts";
import type { Container, Pod } from "../k8s/types.ts";

/** Quantities by the name of the resource, as the API has them. */
export type Quantities = Readonly<Record<string, string>>;

/** As `resources` in the API, of a container or a pod. */
export interface Resources {
  readonly requests?: Quantities;
  readonly limits?: Quantities;
}

/** Amounts by the name of the resource: CPU in thousandths of a core, all else in whole units. */
export type Amounts = ReadonlyMap<string, number>;

/** The amount that a quantity of the resource is. */
export function amountOf(resource: string, quantity: string): number {
  return resource === "cpu" ? cpuMillis(quantity) : bytes(quantity);
}

/** `spec.resources`: newer than the types. Undefined where it says nothing. */
export function podLevelResources({ spec }: Pod): Resources | undefined {
  const { resources } = (spec ?? {}) as { readonly resources?: Resources };
  const names = Object.keys({ ...resources?.requests, ...resources?.limits });
  return names.some(isPodLevel) ? resources : undefined;
}

/**
 * What the pod asks of its node, by the formula of the API (`PodRequests`): what its containers and
 * sidecars ask for together, or one init container with the sidecars before it if that is more; the
 * pod's own requests instead, where it has some; and its overhead.
 */
export function podRequests(pod: Pod): Amounts {
  const requests = containerSum(pod, requestsOf);
  for (
    const [name, quantity] of entries(
      requestsOf({ resources: podLevelResources(pod) }),
    )
  ) {
    if (isPodLevel(name)) requests.set(name, amountOf(name, quantity));
  }
  add(requests, amounts(pod.spec?.overhead));
  return requests;
}

/** What containers may use together, where each of them is limited or the pod is (`PodLimits`). */
export function podLimits(pod: Pod): Amounts {
  const limits = containerSum(pod, ({ resources }) => resources?.limits ?? {});
  const own = podLevelResources(pod)?.limits;
  for (const [name, quantity] of entries(own)) {
    if (isPodLevel(name)) limits.set(name, amountOf(name, quantity));
  }
  for (const [name, amount] of amounts(pod.spec?.overhead)) {
    const limit = limits.get(name);
    if (limit !== undefined && limit > 0) limits.set(name, limit + amount);
  }
  return limits;
}

/** What the containers of a pod ask for together, without what the pod itself says. */
export function containerRequests(pod: Pod): Amounts {
  return containerSum(pod, requestsOf);
}

/** Whether an init container runs beside the others (KEP-753). */
export function isSidecar({ restartPolicy }: Container): boolean {
  return restartPolicy === "Always";
}

/** An absent request is the limit, as the API server fills it in; manifests never saw it. */
export function requestsOf(
  { resources }: { readonly resources?: Resources | undefined },
): Quantities {
  const { requests = {}, limits = {} } = resources ?? {};
  return { ...limits, ...requests };
}

function containerSum(
  { spec }: Pod,
  of: (container: Container) => Quantities,
): Map<string, number> {
  const sum = new Map<string, number>();
  for (const container of spec?.containers ?? []) {
    add(sum, amounts(of(container)));
  }
  const sidecars = new Map<string, number>();
  const most = new Map<string, number>();
  for (const container of spec?.initContainers ?? []) {
    const own = amounts(of(container));
    const now = new Map(sidecars);
    add(now, own);
    raise(most, now);
    if (!isSidecar(container)) continue;
    add(sum, own);
    add(sidecars, own);
  }
  raise(sum, most);
  return sum;
}

function amounts(quantities: Quantities | undefined): Amounts {
  return new Map(
    entries(quantities).map(([name, text]) => [name, amountOf(name, text)]),
  );
}

function entries(quantities: Quantities | undefined): [string, string][] {
  return Object.entries(quantities ?? {});
}

function add(sum: Map<string, number>, amounts: Amounts): void {
  for (const [name, amount] of amounts) {
    sum.set(name, (sum.get(name) ?? 0) + amount);
  }
}

function raise(most: Map<string, number>, amounts: Amounts): void {
  for (const [name, amount] of amounts) {
    most.set(name, Math.max(most.get(name) ?? 0, amount));
  }
}

/** What a pod may say of all its containers together; the rest of `spec.resources` means nothing. */
function isPodLevel(name: string): boolean {
  return name === "cpu" || name === "memory" || name.startsWith("hugepages-");
}
