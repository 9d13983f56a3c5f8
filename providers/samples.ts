/** What one container uses, at one moment. What a runtime cannot tell is absent. */
export interface ContainerSample {
  readonly podUid: string;
  readonly container: string;
  readonly at: Date;
  /** When this run started. */
  readonly startedAt: Date;
  /** CPU time used since the start of this run, in nanoseconds. */
  readonly cpuNanos: number;
  /** Memory that cannot be reclaimed (the working set), in bytes. */
  readonly memoryBytes: number;
  /** All memory that counts as the container's, also what can be reclaimed, in bytes. */
  readonly memoryUsageBytes?: number;
  readonly memoryRssBytes?: number;
  /** What the container wrote to its own file system, in bytes. */
  readonly rootfsBytes?: number;
  readonly logBytes?: number;
}

/** How full a volume of a pod is. What a runtime cannot tell is absent. */
export interface VolumeSample {
  readonly podUid: string;
  readonly volume: string;
  readonly at: Date;
  readonly usedBytes: number;
  readonly capacityBytes?: number;
  readonly availableBytes?: number;
  readonly inodesUsed?: number;
}

/** What a network interface has carried since it exists. */
export interface InterfaceSample {
  readonly name: string;
  readonly rxBytes: number;
  readonly rxErrors: number;
  readonly txBytes: number;
  readonly txErrors: number;
}

/** What the network of a pod has carried. */
export interface NetworkSample {
  readonly podUid: string;
  readonly at: Date;
  readonly interfaces: readonly InterfaceSample[];
}

/** What everything that runs uses now. */
export interface RuntimeStats {
  /** Running containers only. */
  readonly containers: readonly ContainerSample[];
  readonly volumes?: readonly VolumeSample[];
  /** Pods with a network of their own. */
  readonly networks?: readonly NetworkSample[];
}
