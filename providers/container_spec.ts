import type { PodIdentity } from "./runtime.ts";

/** A port of a pod that the host answers on. */
export interface PortMapping {
  readonly containerPort: number;
  readonly hostPort: number;
  /** An address of the host; all of them unless given. */
  readonly hostIp?: string;
  readonly protocol: "TCP" | "UDP" | "SCTP";
}

/** A TCP port that a container says it listens on. */
export interface ContainerPort {
  readonly port: number;
  readonly name?: string;
}

/** What stands in a pod's `/etc/resolv.conf`. */
export interface DnsSettings {
  /** Whether the host's own name servers are used; those of `servers` come first. */
  readonly hostServers: boolean;
  /** Whether the host's search domains follow those of `searches`. */
  readonly hostSearches: boolean;
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  /** Such as `ndots:5`. */
  readonly options: readonly string[];
}

/** An address with the names that a pod knows it by. */
export interface HostAlias {
  readonly ip: string;
  readonly hostnames: readonly string[];
}

/** The environment that the containers of a pod share. */
export interface SandboxSpec extends PodIdentity {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** What `hostname` prints in the pod; the host's own name is kept with `network: "host"`. */
  readonly hostname: string;
  /** The full name that the pod finds itself by, where it has a subdomain. */
  readonly fullHostname?: string;
  /** A network of the pod's own, or the host's. */
  readonly network: "pod" | "host";
  readonly ipc: "pod" | "host";
  /** Which processes a container sees: its own, all of the pod, or all of the host. */
  readonly pid: "container" | "pod" | "host";
  readonly dns: DnsSettings;
  readonly hostAliases: readonly HostAlias[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly ports: readonly PortMapping[];
  /** The address of the Service `kubernetes`: where clients in the pod look for the API server. */
  readonly apiServer?: { readonly ip: string; readonly port: number };
}

/** One file of a volume. `path` is relative, with `/`, and has no `..` and no empty part. */
export interface VolumeFile {
  readonly path: string;
  readonly content: Uint8Array;
  /** Permission bits, such as 0o644. */
  readonly mode: number;
  /** The user that owns the file, where a runtime has users; root unless given. */
  readonly uid?: number;
}

/** A volume of a pod, resolved: everything that the API had to say is in it. */
export type VolumeSpec =
  | {
    /** configMap, secret, projected and downwardAPI; written again whenever the files change. */
    readonly kind: "files";
    readonly name: string;
    readonly files: readonly VolumeFile[];
    /** Whether the content is secret: kept out of world-readable and persistent places. */
    readonly secret: boolean;
    /** The group that owns the files, as `securityContext.fsGroup`. */
    readonly fsGroup?: number;
  }
  | {
    readonly kind: "emptyDir";
    readonly name: string;
    readonly medium: "" | "Memory";
    readonly sizeLimitBytes?: number;
    /** The group that owns the directory and all that is made in it. */
    readonly fsGroup?: number;
  }
  | {
    readonly kind: "hostPath";
    readonly name: string;
    readonly path: string;
    /** As in the API: "", `DirectoryOrCreate`, `Directory`, `FileOrCreate`, `File`, … */
    readonly type: string;
  };

/** An image that is a volume of a pod. */
export interface ImageVolume {
  readonly name: string;
  /** As the pod names it. */
  readonly image: string;
  /** As {@linkcode ContainerRuntime.findImage} or `pullImage` gave it. */
  readonly imageId: string;
}

/** Where a container sees a volume. */
export interface VolumeMount {
  readonly volume: string;
  readonly mountPath: string;
  readonly readOnly: boolean;
  /** A path inside the volume to mount instead of its root; expanded already. */
  readonly subPath?: string;
  /** Whether mounts made later are seen on the other side; `None` unless given. */
  readonly propagation?: "None" | "HostToContainer" | "Bidirectional";
}

/** What a process may do: a container's `securityContext`, with the pod's filled in. */
export interface SecuritySettings {
  /** The image's own user unless given. */
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  /** The pod's `supplementalGroups` and `fsGroup`. */
  readonly supplementalGroups: readonly number[];
  readonly privileged: boolean;
  readonly readOnlyRootFilesystem: boolean;
  /** Whether a process may gain more privileges than its parent (`no_new_privs` otherwise). */
  readonly allowPrivilegeEscalation: boolean;
  readonly capabilities: {
    readonly add: readonly string[];
    readonly drop: readonly string[];
  };
  /** The engine's default profile unless given; `localhost` names a profile on the host. */
  readonly seccomp?:
    | { readonly kind: "unconfined" }
    | { readonly kind: "runtimeDefault" }
    | { readonly kind: "localhost"; readonly profile: string };
  readonly appArmor?: SecuritySettings["seccomp"];
  readonly seLinux?: {
    readonly user?: string;
    readonly role?: string;
    readonly type?: string;
    readonly level?: string;
  };
}

/** What of the machine's resources a container may use. */
export interface ContainerResources {
  readonly memoryLimitBytes?: number;
  readonly cpuLimitMillis?: number;
  /** Its share when the CPU is short. */
  readonly cpuRequestMillis?: number;
}

/** What a runtime needs to know to start a container: everything is resolved and expanded. */
export interface ContainerSpec extends ContainerResources {
  readonly name: string;
  /** 0 for the first run, one more for every restart. */
  readonly attempt: number;
  readonly image: string;
  /** As {@linkcode ContainerRuntime.findImage} or `pullImage` gave it. */
  readonly imageId: string;
  /** Replaces the image's entry point; undefined where the pod says nothing. */
  readonly command?: readonly string[];
  /** Replaces the image's arguments; undefined where the pod says nothing. */
  readonly args?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir?: string;
  readonly mounts: readonly VolumeMount[];
  /** The TCP ports that the container says it listens on; none unless given. */
  readonly containerPorts?: readonly ContainerPort[];
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly tty: boolean;
  /** How early the kernel ends it when memory is short: -1000 (never) to 1000 (first). */
  readonly oomScoreAdj: number;
  readonly security: SecuritySettings;
  /** The container of the pod whose processes it sees; its own alone, or the pod's, unless given. */
  readonly targetContainer?: string;
  /** The signal that asks it to end, such as `SIGUSR1`; the image's, else SIGTERM, unless given. */
  readonly stopSignal?: string;
  /** An absolute path in the container, `/dev/termination-log` unless the pod says otherwise. */
  readonly terminationMessagePath: string;
}
