import { Deadline } from "../../async/deadline.ts";
import type { NodeSample } from "../../providers/provider.ts";
import type {
  ContainerSample,
  NetworkSample,
  RuntimeStats,
  VolumeSample,
} from "../../providers/samples.ts";
import type { KubeletContext } from "../context.ts";
import { ExpiringCache } from "../expiring_cache.ts";
import { CpuHistory } from "./cpu_history.ts";

/** How much CPU something uses now; absent while nobody can tell. */
export interface CpuRate {
  /** Nanoseconds of CPU time a second. */
  readonly nanoCores?: number;
}

/** What a node and its pods use, at one moment. */
export interface Usage {
  /** Absent where the provider cannot tell. */
  readonly node?: NodeSample & CpuRate;
  readonly containers: readonly (ContainerSample & CpuRate)[];
  readonly volumes: readonly VolumeSample[];
  readonly networks: readonly NetworkSample[];
  /** By UID of a pod: CPU time of those of its runs that have ended, in nanoseconds. */
  readonly endedCpuNanos: ReadonlyMap<string, number>;
}

/** Requests within so much time get the same sample. */
const maxAgeMs = 1_000;
const sampleTimeoutMs = 10_000;
const nodeKey = "node";

/** Options of {@linkcode UsageSampler}. */
export interface UsageSamplerOptions {
  /** The time in milliseconds; `Date.now` by default. */
  readonly now?: () => number;
}

/** Asks the provider what is used: only when somebody wants to know, and once for all who do. */
export class UsageSampler {
  readonly #ctx: Pick<KubeletContext, "backend" | "nodeStats" | "pods">;
  readonly #samples: ExpiringCache<Usage>;
  readonly #history = new CpuHistory();

  constructor(
    ctx: Pick<KubeletContext, "backend" | "nodeStats" | "pods">,
    { now }: UsageSamplerOptions = {},
  ) {
    this.#ctx = ctx;
    this.#samples = new ExpiringCache({
      maxEntries: 1,
      lifetime: () => maxAgeMs,
      ...(now !== undefined && { now }),
    });
  }

  /** Whether the provider can tell anything at all. */
  get available(): boolean {
    const { backend, nodeStats } = this.#ctx;
    return backend.stats !== undefined || nodeStats !== undefined;
  }

  /** What is used now, or was at most a second ago. Rejects when the provider fails to tell. */
  sample(): Promise<Usage> {
    return this.#samples.get("all", () => this.#sample());
  }

  async #sample(): Promise<Usage> {
    // Several clients wait for it, so none of them may end it.
    const { signal } = new AbortController();
    using deadline = new Deadline(sampleTimeoutMs, { signal });
    const [runtime, node] = await Promise.all([
      this.#ctx.backend.stats?.(deadline),
      this.#ctx.nodeStats?.(deadline),
    ]);
    return this.#measured(runtime, node);
  }

  #measured(
    { containers, volumes = [], networks = [] }: RuntimeStats = {
      containers: [],
    },
    node: NodeSample | undefined,
  ): Usage {
    const history = this.#history;
    for (const sample of containers) history.read(containerKey(sample), sample);
    if (node !== undefined) history.read(nodeKey, node);
    const pods = new Set(
      [...this.#ctx.pods()].map(({ metadata }) => metadata?.uid),
    );
    history.prune((key) => key === nodeKey || pods.has(podOf(key)));
    return {
      ...(node && { node: { ...node, ...this.#rate(nodeKey) } }),
      containers: containers.map((sample) => ({
        ...sample,
        ...this.#rate(containerKey(sample)),
      })),
      volumes,
      networks,
      endedCpuNanos: this.#ended(new Set(containers.map(containerKey))),
    };
  }

  #rate(key: string): CpuRate {
    const nanoCores = this.#history.nanoCores(key);
    return nanoCores === undefined ? {} : { nanoCores };
  }

  #ended(running: ReadonlySet<string>): ReadonlyMap<string, number> {
    const ended = new Map<string, number>();
    for (const key of this.#history.keys()) {
      if (key === nodeKey) continue;
      const pod = podOf(key);
      const nanos = this.#history.endedNanos(key, {
        running: running.has(key),
      });
      ended.set(pod, (ended.get(pod) ?? 0) + nanos);
    }
    return ended;
  }
}

/** A UID has no slash in it. */
function containerKey({ podUid, container }: ContainerSample): string {
  return `${podUid}/${container}`;
}

function podOf(containerKey: string): string {
  return containerKey.slice(0, containerKey.indexOf("/"));
}
