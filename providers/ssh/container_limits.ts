import type { AbortOptions } from "../../async/abort.ts";
import type { ContainerResources } from "../container_spec.ts";
import type { EngineClient } from "./engine/engine_client.ts";
import { EngineError } from "./engine/engine_error.ts";
import type { EngineLimits } from "./engine/update_request.ts";

/** The kubelet's bounds of a CPU share, and the period of a CPU limit in microseconds. */
const leastShares = 2;
const mostShares = 262_144;
const cpuPeriod = 100_000;
const leastQuota = 1_000;

/** The share of the CPU that a request gives, as the kubelet computes it. */
export function cpuShares(millis: number): number {
  const shares = Math.trunc(millis * 1024 / 1000);
  return Math.min(mostShares, Math.max(leastShares, shares));
}

/** What a container may use, as engines count it. */
export function engineLimits(
  { memoryLimitBytes, cpuLimitMillis, cpuRequestMillis }: ContainerResources,
): EngineLimits & { readonly cpuShares: number } {
  return {
    cpuShares: cpuShares(cpuRequestMillis ?? cpuLimitMillis ?? 0),
    ...(memoryLimitBytes === undefined ? {} : { memory: memoryLimitBytes }),
    ...(cpuLimitMillis === undefined ? {} : {
      cpuPeriod,
      cpuQuota: Math.max(leastQuota, cpuLimitMillis * cpuPeriod / 1000),
    }),
  };
}

/**
 * Changes what a running container may use.
 *
 * A limit below what it uses now is refused with the kubelet's words: the kernel would end it.
 */
export async function updateLimits(
  engine: EngineClient,
  { id, container }: { readonly id: string; readonly container: string },
  resources: ContainerResources,
  options: AbortOptions,
): Promise<void> {
  const limits = engineLimits(resources);
  if (limits.memory !== undefined) {
    const stats = await engine.containerStats(id, options);
    const usage = stats?.memory_stats?.usage ?? 0;
    if (usage >= limits.memory) {
      throw new RangeError(
        `attempting to set container "${container}" memory limit (${limits.memory}) below current usage (${usage})`,
      );
    }
  }
  try {
    await engine.updateContainer(id, { ...limits, ...options });
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new Error(
      `Cannot change the limits of container "${container}": ${error.engineMessage}`,
      { cause: error },
    );
  }
}
