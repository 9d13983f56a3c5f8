import type { Pod } from "../k8s/types.ts";
import {
  type AdmittingNode,
  type HostPort,
  hostPorts,
  type NodeLoad,
  type Rejection,
  rejectionOf,
} from "./admission.ts";
import { type Amounts, podRequests } from "./pod_resources.ts";

/** The pods that a node has taken, and what they have of it. Sums are kept, not counted anew. */
export class AdmittedPods implements NodeLoad {
  readonly #pods = new Map<string, Share>();
  readonly #requests = new Map<string, number>();
  /** The addresses of each port and protocol that pods have, in the order they came. */
  readonly #ports = new Map<string, string[]>();
  /** Pods that wait for room. */
  readonly #waiting = new Set<string>();
  readonly #freed: (uid: string) => void;

  /** @param freed Told of each pod that waits, once there may be room for what it waits for. */
  constructor(freed: (uid: string) => void = () => {}) {
    this.#freed = freed;
  }

  get pods(): number {
    return this.#pods.size;
  }

  get requests(): Amounts {
    return this.#requests;
  }

  hasPort({ ip, ...port }: HostPort): boolean {
    return (this.#ports.get(portKey(port)) ?? []).some((other) =>
      ip === everywhere || other === everywhere || other === ip
    );
  }

  has(uid: string): boolean {
    return this.#pods.has(uid);
  }

  /** Takes the pod if there is room for it beside the others, else says why there is not. */
  admit(uid: string, pod: Pod, node: AdmittingNode): Rejection | undefined {
    const before = this.#take(uid);
    const rejection = rejectionOf(pod, node, this);
    if (rejection === undefined) this.#put(uid, share(pod));
    else if (before !== undefined) this.#put(uid, before);
    // A pod that asks for other resources may have left some.
    if (rejection === undefined && before !== undefined) this.#tell();
    return rejection;
  }

  /** Counts a pod that is there already, or counts it anew. */
  add(uid: string, pod: Pod): void {
    this.#take(uid);
    this.#put(uid, share(pod));
  }

  /** What the pod had is free again; nothing for one that was not taken. Says whether it was. */
  remove(uid: string): boolean {
    this.#waiting.delete(uid);
    if (this.#take(uid) === undefined) return false;
    this.#tell();
    return true;
  }

  /** Tells of the pod once, when there may be more room than now. */
  wait(uid: string): void {
    this.#waiting.add(uid);
  }

  #tell(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const uid of waiting) this.#freed(uid);
  }

  #put(uid: string, share: Share): void {
    this.#pods.set(uid, share);
    for (const [name, amount] of share.requests) {
      this.#requests.set(name, (this.#requests.get(name) ?? 0) + amount);
    }
    for (const port of share.ports) {
      const ips = this.#ports.get(portKey(port)) ?? [];
      this.#ports.set(portKey(port), [...ips, port.ip]);
    }
  }

  #take(uid: string): Share | undefined {
    const share = this.#pods.get(uid);
    if (share === undefined) return undefined;
    this.#pods.delete(uid);
    for (const [name, amount] of share.requests) {
      this.#requests.set(name, (this.#requests.get(name) ?? 0) - amount);
    }
    for (const port of share.ports) {
      const ips = this.#ports.get(portKey(port)) ?? [];
      const left = ips.toSpliced(ips.indexOf(port.ip), 1);
      if (left.length > 0) this.#ports.set(portKey(port), left);
      else this.#ports.delete(portKey(port));
    }
    return share;
  }
}

/** What one pod has of its node. */
interface Share {
  readonly requests: Amounts;
  readonly ports: readonly HostPort[];
}

const everywhere = "0.0.0.0";

function share(pod: Pod): Share {
  return { requests: podRequests(pod), ports: hostPorts(pod) };
}

function portKey({ port, protocol }: Omit<HostPort, "ip">): string {
  return `${protocol} ${port}`;
}
