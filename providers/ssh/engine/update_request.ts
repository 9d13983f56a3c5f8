import type { AbortOptions } from "../../../async/abort.ts";
import type { EngineApi } from "./engine_api.ts";
import type { EngineInfo } from "./engine_info.ts";
import { containerPath } from "./process_requests.ts";

/** What a container may use, as engines have it. What is absent stays as it is. */
export interface EngineLimits {
  /** In bytes; swap is limited to as much, so that there is none. */
  readonly memory?: number;
  readonly cpuShares?: number;
  /** In microseconds of each `cpuPeriod`. */
  readonly cpuQuota?: number;
  readonly cpuPeriod?: number;
}

/**
 * As `EngineClient.updateContainer()`. Podman has it in its own API only, from 4.3 on:
 * https://docs.podman.io/en/latest/_static/api.html#tag/containers/operation/ContainerUpdateLibpod
 */
export async function updateContainer(
  api: Pick<EngineApi, "do">,
  { kind }: Pick<EngineInfo, "kind">,
  id: string,
  { signal, ...limits }: EngineLimits & AbortOptions,
): Promise<void> {
  const path = containerPath(id, "update");
  await api.do({
    what: `change the limits of container ${id}`,
    method: "POST",
    path: kind === "podman" ? `/libpod${path}` : path,
    json: kind === "podman" ? podmanBody(limits) : dockerBody(limits),
    repeatable: true,
  }, { signal });
}

function dockerBody({ memory, cpuShares, cpuQuota, cpuPeriod }: EngineLimits) {
  return {
    Memory: memory,
    MemorySwap: memory,
    CpuShares: cpuShares,
    CpuQuota: cpuQuota,
    CpuPeriod: cpuPeriod,
  };
}

/** The resources of an OCI runtime: https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md */
function podmanBody({ memory, cpuShares, cpuQuota, cpuPeriod }: EngineLimits) {
  return {
    ...(memory === undefined
      ? {}
      : { memory: { limit: memory, swap: memory } }),
    cpu: { shares: cpuShares, quota: cpuQuota, period: cpuPeriod },
  };
}
