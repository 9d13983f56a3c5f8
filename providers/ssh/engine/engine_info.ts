/** What an engine is, read when it was found. */
export interface EngineInfo {
  readonly kind: "docker" | "podman";
  /** Such as `27.1.1`. */
  readonly version: string;
  /** The version of Docker's API that is spoken with it, such as `1.41`. */
  readonly apiVersion: string;
  /** Whether it runs as a user that is not root. */
  readonly rootless: boolean;
  readonly cgroupVersion: 1 | 2;
  /** The path of its socket on the host. */
  readonly socket: string;
  /** Whether its socket is reached by a channel of SSH, or by a command on the host. */
  readonly forwarding: "channel" | "command";
  /** As `kubernetes.io/arch`. */
  readonly arch: string;
  /** As `kubernetes.io/os`. */
  readonly os: string;
  readonly kernelVersion: string;
  /** For people, such as `debian`; empty when it does not say. */
  readonly operatingSystem: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Where it keeps images and containers on the host; empty when it does not say. */
  readonly storageDir: string;
  readonly storageDriver: string;
  /** What it keeps logs with unless told. */
  readonly logDriver: string;
  /** Such as `name=seccomp,profile=default`. */
  readonly securityOptions: readonly string[];
}
