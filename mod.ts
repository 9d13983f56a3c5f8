/**
 * Kubernetes nodes made of anything that can run a container.
 *
 * A vendor implements `ContainerRuntime` (containers; farlet adds all pod semantics) or
 * `PodProvider` (whole pods), wraps it in a `Provider` and hands that to {@linkcode startAgent}.
 * {@linkcode testProvider} is the conformance suite for it.
 *
 * @module
 */
export { type AgentOptions, startAgent } from "./agent.ts";
export type { NodeOptions } from "./agent_node.ts";
export type {
  EvictionSettings,
  EvictionSignal,
  EvictionThreshold,
  ThresholdAmount,
} from "./pods/eviction_thresholds.ts";
export type { ShutdownGroup, ShutdownSettings } from "./pods/shutdown_steps.ts";
export type { AbortOptions } from "./async/abort.ts";
export { ChangeFeed } from "./async/change_feed.ts";
export { configureLogging, type LogLevel, logLevels } from "./async/log.ts";
export type { KubeletConfig } from "./config_schema.ts";
export type { ApiCredentials } from "./k8s/credentials.ts";
export { type CredentialOptions, loadCredentials } from "./k8s/kubeconfig.ts";
export type * from "./k8s/types.ts";
export type { SystemReserved } from "./reserved_resources.ts";
export { RuntimeError, UnreachableError } from "./providers/errors.ts";
export type { MachineShutdown } from "./providers/machine_shutdown.ts";
export type { DeletionOptions, PodProvider } from "./providers/pod_provider.ts";
export type { Program, ProgramHost } from "./providers/program_host.ts";
export {
  ProgramRuntime,
  type ProgramRuntimeOptions,
  type ProgramUsage,
} from "./providers/program_runtime.ts";
export type {
  ConditionSource,
  FilesystemSample,
  Health,
  NodeFacts,
  NodeSample,
  Provider,
  Refusal,
  ServerAddress,
} from "./providers/provider.ts";
export type * from "./providers/container_spec.ts";
export type * from "./providers/runtime.ts";
export type * from "./providers/samples.ts";
export {
  type ConformanceOptions,
  testProvider,
} from "./tests/provider_conformance.ts";
export type { ProviderUnderTest } from "./tests/provider_bench.ts";
