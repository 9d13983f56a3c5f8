import type { AbortOptions } from "../async/abort.ts";
import type { MetricFamily } from "../async/metric_text.ts";
import type { NodeCondition, Pod } from "../k8s/types.ts";
import type { MachineShutdown } from "./machine_shutdown.ts";
import type { PodProvider } from "./pod_provider.ts";
import type { ContainerRuntime } from "./runtime.ts";
import type { InterfaceSample } from "./samples.ts";

/** What a node has and is, read live. */
export interface NodeFacts {
  /** As `kubernetes.io/os`: `linux`, `windows`, … */
  readonly os: string;
  /** As `kubernetes.io/arch`: `amd64`, `arm64`, … */
  readonly arch: string;
  readonly hostname: string;
  /** Such as `Debian GNU/Linux 12 (bookworm)`; empty when unknown. */
  readonly osImage: string;
  readonly kernelVersion: string;
  /** Such as `docker://27.1.1` or `farlet-wasm://0.1.0`. */
  readonly runtimeVersion: string;
  readonly machineId: string;
  readonly bootId: string;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly ephemeralStorageBytes: number;
  readonly pods: number;
  /** Becomes the label `node.kubernetes.io/instance-type`. */
  readonly instanceType: string;
  /**
   * Labels that say more of the node, such as which system its containers are made for where that
   * is not the machine's own: they replace those that come from the other facts.
   */
  readonly labels?: Readonly<Record<string, string>>;
}

/** Whether the provider can run pods now. */
export type Health =
  | { readonly kind: "healthy" }
  | {
    readonly kind: "unhealthy";
    /** A CamelCase word, for the Ready condition. */
    readonly reason: string;
    readonly message: string;
  };

/** A condition of the Node that a provider, or another part of the agent, answers for. */
export interface ConditionSource {
  /** What it says now. */
  readonly condition: Pick<
    NodeCondition,
    "type" | "status" | "reason" | "message"
  >;
  /** Yields whenever it may say something else, until aborted. */
  changes(options: AbortOptions): AsyncIterable<unknown>;
}

/** Where something listens. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/** A pod field that a provider cannot honour. */
export interface Refusal {
  /** Such as `spec.containers[0].securityContext.privileged`. */
  readonly field: string;
  /** A sentence without the field's name: "WASI guests have no privileges to raise". */
  readonly message: string;
}

/** How full a file system is, in bytes and files. */
export interface FilesystemSample {
  readonly capacityBytes: number;
  readonly availableBytes: number;
  readonly usedBytes: number;
  readonly inodes?: number;
  readonly inodesFree?: number;
}

/** What the machine behind a node uses, at one moment. What a provider cannot tell is absent. */
export interface NodeSample {
  readonly at: Date;
  /** When the machine, or the provider, started. */
  readonly startedAt: Date;
  /** CPU time used since then, in nanoseconds. */
  readonly cpuNanos: number;
  /** Memory that cannot be reclaimed (the working set), in bytes. */
  readonly memoryBytes: number;
  readonly memoryAvailableBytes?: number;
  readonly memoryUsageBytes?: number;
  /** Where volumes and logs are. */
  readonly filesystem?: FilesystemSample;
  /** Where images and what containers write are: the same one, unless it is `dedicated`. */
  readonly imageFilesystem?: FilesystemSample & { readonly dedicated: boolean };
  /** How many processes there are, and how many there can be. */
  readonly processes?: { readonly running: number; readonly max: number };
  readonly interfaces?: readonly InterfaceSample[];
}

/** One kind of node: describes it, and runs containers or whole pods on it. */
export type Provider =
  & AsyncDisposable
  & {
    /** Such as `ssh` or `wasm`: a lower-case word, the value of the default taint. */
    readonly name: string;
    /** Capacity, architecture, versions: read anew at each call. */
    describeNode(options: AbortOptions): Promise<NodeFacts>;
    checkHealth(options: AbortOptions): Promise<Health>;
    /** What the node uses now, read anew at each call. */
    nodeStats?(options: AbortOptions): Promise<NodeSample>;
    /** What it counts of its own, for `/metrics`: under names that begin with `farlet_`. */
    metrics?(options: AbortOptions): Promise<readonly MetricFamily[]>;
    /**
     * Makes room on the node's disks without touching a pod: removes dead containers, and images
     * that pods had and nobody uses.
     */
    reclaim?(options: AbortOptions): Promise<void>;
    /**
     * Tells of the shutdown of the machine behind the node, and keeps it waiting, until aborted;
     * then ends. Never fails: what cannot be watched is `unwatched`.
     */
    watchShutdown?(options: AbortOptions): AsyncIterable<MachineShutdown>;
    /** What it has to say of the Node besides whether it is ready. */
    readonly conditions?: readonly ConditionSource[];
    /**
     * Where pods find the API server instead of at the Service `kubernetes`; undefined while that
     * address works in its pods.
     */
    podApiServer?(): ServerAddress | undefined;
    /** Removes everything that was ever put there for this node. The provider is of no use then. */
    purge?(options: AbortOptions): Promise<void>;
    /** The fields of this pod that the provider cannot honour, beyond what farlet itself refuses. */
    refusals?(pod: Pod): readonly Refusal[];
    /** The fields of this pod that the provider does not heed though it runs the pod. */
    ignored?(pod: Pod): readonly Refusal[];
  }
  & (
    | { readonly runtime: ContainerRuntime }
    | { readonly pods: PodProvider }
  );
