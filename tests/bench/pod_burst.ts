import { KubeClient } from "../../k8s/client.ts";
import { abortable } from "../../async/abort.ts";
import { apiPath } from "../../k8s/paths.ts";
import { Reflector } from "../../k8s/reflector.ts";
import type { Pod } from "../../k8s/types.ts";
import { percentile, round } from "./figures.ts";

/** What {@linkcode podBurst} found. */
export interface BurstFigures {
  readonly pods: number;
  /** From the first creation until the last pod was seen Running. */
  readonly runningPerSecond: number;
  /** From a pod's creation (its request sent) until it was seen Running, in milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** From the first deletion until the last object was gone. */
  readonly deletedPerSecond: number;
}

/** How many requests the load client has under way at once. */
const concurrency = 32;

/** Creates `count` pods bound to a node as fast as it can, waits for Running, deletes them. */
export async function podBurst(
  client: KubeClient,
  { node, count, signal }: {
    readonly node: string;
    readonly count: number;
    readonly signal: AbortSignal;
  },
): Promise<BurstFigures> {
  const names = Array.from({ length: count }, (_, i) => `burst-${i}`);
  await using seen = await PodTimes.watch(client, { signal });
  const begun = performance.now();
  const createdAt = new Map<string, number>();
  await inParallel(names, async (name) => {
    createdAt.set(name, performance.now());
    await client.create(podsPath(), simulatedPod(name, node), { signal });
  });
  await seen.until((times) => times.running.size === count, { signal });
  const lastRunning = Math.max(...seen.running.values());
  const latencies = names.map((name) =>
    (seen.running.get(name) ?? Infinity) - (createdAt.get(name) ?? 0)
  );
  const deleting = performance.now();
  await inParallel(names, async (name) => {
    await client.delete(podsPath(name), { signal });
  });
  await seen.until((times) => times.gone.size === count, { signal });
  const lastGone = Math.max(...seen.gone.values());
  return {
    pods: count,
    runningPerSecond: round(count / ((lastRunning - begun) / 1000)),
    p50Ms: Math.round(percentile(latencies, 50)),
    p99Ms: Math.round(percentile(latencies, 99)),
    deletedPerSecond: round(count / ((lastGone - deleting) / 1000)),
  };
}

/** From creation until seen Running, for one pod after the other on an idle node. */
export async function singlePodLatencies(
  client: KubeClient,
  { node, count, image, signal }: {
    readonly node: string;
    readonly count: number;
    /** With a command `sleep`; pretended unless given. */
    readonly image?: string;
    readonly signal: AbortSignal;
  },
): Promise<readonly number[]> {
  await using seen = await PodTimes.watch(client, { signal });
  const latencies: number[] = [];
  for (let i = 0; i < count; i++) {
    const name = `single-${i}`;
    const begun = performance.now();
    const pod = image === undefined
      ? simulatedPod(name, node)
      : sleepingPod(name, node, image);
    await client.create(podsPath(), pod, { signal });
    await seen.until((times) => times.running.has(name), { signal });
    latencies.push((seen.running.get(name) ?? Infinity) - begun);
    await client.delete(podsPath(name), { signal });
    await seen.until((times) => times.gone.has(name), { signal });
  }
  return latencies;
}

/** When pods were first seen Running, and seen to be gone, by name. */
class PodTimes implements AsyncDisposable {
  readonly running = new Map<string, number>();
  readonly gone = new Map<string, number>();
  readonly #stop = new AbortController();
  readonly #pods: Reflector<Pod>;
  readonly #tasks: Promise<unknown>;
  #changed = Promise.withResolvers<void>();

  private constructor(client: KubeClient) {
    const { signal } = this.#stop;
    this.#pods = new Reflector<Pod>(client, podsPath(), {
      keyOf: ({ metadata }) => metadata?.name ?? "",
    });
    this.#tasks = Promise.all([
      this.#pods.run({ signal }),
      this.#follow(signal),
    ]);
  }

  static async watch(
    client: KubeClient,
    options: { readonly signal: AbortSignal },
  ): Promise<PodTimes> {
    const times = new PodTimes(client);
    await times.#pods.synced(options);
    return times;
  }

  async until(
    reached: (times: PodTimes) => boolean,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<void> {
    while (!reached(this)) {
      await abortable(this.#changed.promise, { signal });
      this.#changed = Promise.withResolvers<void>();
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    for await (const name of this.#pods.changes({ signal })) {
      const pod = this.#pods.get(name);
      const now = performance.now();
      if (pod === undefined) this.gone.set(name, now);
      else if (pod.status?.phase === "Running" && !this.running.has(name)) {
        this.running.set(name, now);
      }
      this.#changed.resolve();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#tasks;
  }
}

async function inParallel(
  names: readonly string[],
  work: (name: string) => Promise<void>,
): Promise<void> {
  const rest = names.values();
  await Promise.all(Array.from({ length: concurrency }, async () => {
    for (const name of rest) await work(name);
  }));
}

function podsPath(name?: string): string {
  const namespace = "default";
  return apiPath("v1", "pods", {
    namespace,
    ...(name === undefined ? {} : { name }),
  });
}

/** As kwok's benchmark: one container; no token, which kwok's simulated nodes do not fetch. */
function simulatedPod(name: string, nodeName: string): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      nodeName,
      automountServiceAccountToken: false,
      containers: [{ name: "main", image: "program:1" }],
    },
  };
}

function sleepingPod(name: string, nodeName: string, image: string): Pod {
  const pod = simulatedPod(name, nodeName);
  const main = {
    name: "main",
    image,
    imagePullPolicy: "IfNotPresent",
    command: ["sleep", "1000"],
  };
  return {
    ...pod,
    spec: {
      ...pod.spec,
      terminationGracePeriodSeconds: 0,
      containers: [main],
    },
  };
}
