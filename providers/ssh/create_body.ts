import { createHash } from "node:crypto";
import { label, type Labels } from "./labels.ts";

/** Two engines with one API, which they understand differently here and there. */
export interface EngineTraits {
  readonly kind: "docker" | "podman";
  /** Whether it runs without root: then nothing may be protected from the kernel's memory killer. */
  readonly rootless: boolean;
}

/** How an engine keeps the output of a container. */
export interface LogConfig {
  readonly Type: string;
  readonly Config: Readonly<Record<string, string>>;
}

/** What containers of farlet use of the body of `POST /containers/create`. */
export interface CreateBody {
  readonly Image: string;
  readonly Labels: Labels;
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Env?: readonly string[];
  readonly WorkingDir?: string;
  readonly User?: string;
  readonly Hostname?: string;
  readonly Tty?: boolean;
  readonly OpenStdin?: boolean;
  readonly StdinOnce?: boolean;
  readonly StopSignal?: string;
  readonly ExposedPorts?: Readonly<Record<string, Record<string, never>>>;
  /** That of the image is not wanted: probes are farlet's. */
  readonly Healthcheck: { readonly Test: readonly ["NONE"] };
  readonly HostConfig: HostConfig;
}

/** What depends on the host. */
export interface HostConfig {
  readonly RestartPolicy: { readonly Name: "no" };
  readonly NetworkMode: string;
  readonly IpcMode: string;
  readonly PidMode?: string;
  readonly UTSMode?: string;
  readonly PortBindings?: Readonly<
    Record<string, readonly { HostIp: string; HostPort: string }[]>
  >;
  readonly Binds?: readonly string[];
  readonly Mounts?: readonly (BindMount | ImageMount)[];
  readonly Sysctls?: Readonly<Record<string, string>>;
  readonly Memory?: number;
  readonly MemorySwap?: number;
  readonly CpuShares?: number;
  readonly CpuPeriod?: number;
  readonly CpuQuota?: number;
  readonly OomScoreAdj?: number;
  readonly GroupAdd?: readonly string[];
  readonly CapAdd?: readonly string[];
  readonly CapDrop?: readonly string[];
  readonly Privileged?: boolean;
  readonly ReadonlyRootfs?: boolean;
  readonly SecurityOpt?: readonly string[];
  readonly LogConfig?: LogConfig;
}

/** A bind in the form that takes a colon in its source. */
export interface BindMount {
  readonly Type: "bind";
  readonly Source: string;
  readonly Target: string;
  readonly ReadOnly: boolean;
  readonly BindOptions: { readonly Propagation: string };
}

/** An image that a container sees, read-only; Podman knows no other way, and no words for it. */
export interface ImageMount {
  readonly Type: "image";
  readonly Source: string;
  readonly Target: string;
  readonly ImageOptions?: { readonly Subpath: string };
}

/** The body with a label that tells whether a container was made from the same. */
export function withSpecHash(body: CreateBody): CreateBody {
  const hash = createHash("sha256").update(JSON.stringify(body)).digest("hex");
  const Labels = { ...body.Labels, [label.specHash]: hash.slice(0, 16) };
  return { ...body, Labels };
}

/** What an engine lets a container have of the score wished for; undefined for its own default. */
export function oomScore(
  wanted: number,
  { rootless }: EngineTraits,
  protects: boolean,
): number | undefined {
  return wanted < 0 && (rootless || !protects) ? undefined : wanted;
}
