import type { Pod } from "../k8s/types.ts";
import type { Shortage } from "./admission.ts";
import { isCriticalPod } from "./critical_pod.ts";
import { podRequests } from "./pod_resources.ts";
import { type QosClass, qosClass } from "./quality_of_service.ts";

/** What a node has to end to make room for a pod. */
export type Preemption =
  | { readonly kind: "possible"; readonly victims: readonly Pod[] }
  | {
    /** Not even without all that may be ended there would be room. */
    readonly kind: "impossible";
    /** In the kubelet's words. */
    readonly message: string;
  };

/**
 * Which pods make room for another one by their end, as the kubelet chooses them
 * (`getPodsToPreempt`): only those of less importance, no Guaranteed ones if Burstable ones do, none
 * of those if BestEffort ones do; of one class as few as possible, and those that ask for least.
 *
 * @param running The pods that have a place on the node.
 * @param shortages What the pod lacks; not empty.
 */
export function preemption(
  pod: Pod,
  running: Iterable<Pod>,
  shortages: readonly Shortage[],
): Preemption {
  const needs = shortages.map(({ resource, requested, used, capacity }) => ({
    resource,
    amount: requested - (capacity - used),
  }));
  const candidates = [...running].filter((other) => isPreemptable(other, pod))
    .map((pod) => ({ pod, requests: requestsOf(pod) }));
  const left = without(needs, candidates);
  if (left.length > 0) return { kind: "impossible", message: noneFound(left) };
  const of = (wanted: QosClass) =>
    candidates.filter(({ pod }) => qosClass(pod) === wanted);
  const [bestEffort, burstable] = [of("BestEffort"), of("Burstable")];
  const guaranteedVictims = nearest(
    of("Guaranteed"),
    without(needs, [...bestEffort, ...burstable]),
  );
  const burstableVictims = nearest(
    burstable,
    without(needs, [...bestEffort, ...guaranteedVictims]),
  );
  const bestEffortVictims = nearest(
    bestEffort,
    without(needs, [...burstableVictims, ...guaranteedVictims]),
  );
  const victims = [
    ...bestEffortVictims,
    ...burstableVictims,
    ...guaranteedVictims,
  ];
  return { kind: "possible", victims: victims.map(({ pod }) => pod) };
}

interface Need {
  readonly resource: string;
  readonly amount: number;
}

interface Candidate {
  readonly pod: Pod;
  readonly requests: ReadonlyMap<string, number>;
}

/** The kubelet's `Preemptable`. */
function isPreemptable(pod: Pod, by: Pod): boolean {
  if (isCriticalPod(by) && !isCriticalPod(pod)) return true;
  const { priority } = pod.spec ?? {};
  return priority !== undefined && priority < (by.spec?.priority ?? -Infinity);
}

function requestsOf(pod: Pod): ReadonlyMap<string, number> {
  return new Map([...podRequests(pod), ["pods", 1]]);
}

/** What is still needed once the candidates have ended. */
function without(
  needs: readonly Need[],
  candidates: readonly Candidate[],
): readonly Need[] {
  return needs.flatMap(({ resource, amount }) => {
    const freed = candidates.reduce(
      (sum, { requests }) => sum + (requests.get(resource) ?? 0),
      0,
    );
    return amount > freed ? [{ resource, amount: amount - freed }] : [];
  });
}

/** Candidates that meet the needs together: in each round the one that leaves least of them. */
function nearest(
  candidates: readonly Candidate[],
  needs: readonly Need[],
): readonly Candidate[] {
  if (needs.length === 0) return [];
  const [first, ...others] = candidates.toSorted((a, b) =>
    distance(a, needs) - distance(b, needs) || compareRequests(a, b)
  );
  if (first === undefined) return [];
  return [first, ...nearest(others, without(needs, [first]))];
}

/** How much of the needs a candidate leaves; each resource counts the same. */
function distance({ requests }: Candidate, needs: readonly Need[]): number {
  return needs.reduce((sum, { resource, amount }) => {
    const left = Math.max(0, amount - (requests.get(resource) ?? 0));
    return sum + (left / amount) ** 2;
  }, 0);
}

function compareRequests(a: Candidate, b: Candidate): number {
  const difference = (name: string) =>
    (a.requests.get(name) ?? 0) - (b.requests.get(name) ?? 0);
  return difference("memory") || difference("cpu");
}

function noneFound(needs: readonly Need[]): string {
  const list = needs.map(({ resource, amount }) =>
    `(res: ${resource}, q: ${amount}), `
  );
  return `no set of running pods found to reclaim resources: [${
    list.join("")
  }]`;
}
