import type { ContainerSpec } from "../container_spec.ts";
import type { PodIdentity } from "../runtime.ts";
import { engineLimits } from "./container_limits.ts";
import type { ContainerRecord } from "./container_record.ts";
import {
  type BindMount,
  type CreateBody,
  type EngineTraits,
  type HostConfig,
  type ImageMount,
  type LogConfig,
  oomScore,
  withSpecHash,
} from "./create_body.ts";
import { identityLabels, label } from "./labels.ts";
import { securityFields, userField } from "./security_options.ts";

/** Something of the host that a container sees. */
export interface Bind {
  /** Absolute, on the host. */
  readonly source: string;
  /** Absolute, in the container. */
  readonly target: string;
  readonly readOnly: boolean;
  readonly propagation: "None" | "HostToContainer" | "Bidirectional";
  /** Whether nothing in it can be executed; false unless given. */
  readonly noExec?: boolean;
}

/** What a container is made from besides its spec. */
export interface ContainerMaking {
  readonly pod: PodIdentity;
  readonly sandbox: Pick<ContainerRecord, "id" | "node" | "shared">;
  readonly binds: readonly Bind[];
  readonly images?: readonly ImageMount[];
  readonly engine: EngineTraits;
  readonly protects: boolean;
  /** The ID of the run whose processes it sees. */
  readonly target?: string;
  readonly logConfig: LogConfig;
  readonly imageUser?: number | string;
  readonly seccompProfile?: string;
}

/** The body that makes one run of a container in its pod's sandbox. */
export function containerBody(
  spec: ContainerSpec,
  making: ContainerMaking,
): CreateBody {
  const { sandbox, engine } = making;
  const user = userField(spec.security, making.imageUser);
  const binds = making.binds.filter(({ source }) => !source.includes(":"));
  const mounts = [
    ...making.binds.filter(({ source }) => source.includes(":")).map(bindMount),
    ...making.images ?? [],
  ];
  return withSpecHash({
    Image: spec.imageId,
    Labels: {
      ...identityLabels({
        pod: making.pod,
        node: sandbox.node,
        kind: "container",
        container: spec.name,
        attempt: spec.attempt,
        image: spec.image,
        imageId: spec.imageId,
        sandbox: sandbox.id,
      }),
      ...(spec.stdin && spec.stdinOnce ? { [label.stdinOnce]: "true" } : {}),
    },
    ...commandFields(spec),
    Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
    ...(spec.workingDir === undefined ? {} : { WorkingDir: spec.workingDir }),
    ...(user === undefined ? {} : { User: user }),
    ...hostnameFields(making),
    ...(spec.tty ? { Tty: true } : {}),
    ...(spec.stdin ? { OpenStdin: true, StdinOnce: spec.stdinOnce } : {}),
    ...(spec.stopSignal === undefined ? {} : { StopSignal: spec.stopSignal }),
    Healthcheck: { Test: ["NONE"] },
    HostConfig: {
      RestartPolicy: { Name: "no" },
      ...namespaceFields(making),
      ...(binds.length === 0 ? {} : { Binds: binds.map(bindText) }),
      ...(mounts.length === 0 ? {} : { Mounts: mounts }),
      ...resourceFields(spec),
      ...oomFields(spec, making),
      ...securityFields(spec.security, {
        engine,
        ...(making.seccompProfile === undefined
          ? {}
          : { seccompProfile: making.seccompProfile }),
      }),
      LogConfig: making.logConfig,
    },
  });
}

/** A command makes engines drop the image's arguments with its entry point, as Kubernetes wants. */
function commandFields(
  { command, args }: ContainerSpec,
): Pick<CreateBody, "Entrypoint" | "Cmd"> {
  return {
    ...(command === undefined ? {} : { Entrypoint: command }),
    ...(args === undefined ? {} : { Cmd: args }),
  };
}

/** With Docker a container has the name of its sandbox and may not ask for one; Podman must be told. */
function hostnameFields(
  { engine, sandbox: { shared } }: ContainerMaking,
): Pick<CreateBody, "Hostname"> {
  return engine.kind === "podman" && shared.network === "pod"
    ? { Hostname: shared.hostname }
    : {};
}

function namespaceFields(
  { sandbox: { id, shared }, target }: ContainerMaking,
): Pick<HostConfig, "NetworkMode" | "IpcMode" | "PidMode" | "UTSMode"> {
  const joined = `container:${id}`;
  return {
    NetworkMode: joined,
    // Its /dev/shm comes with it.
    IpcMode: shared.ipc === "host" ? "host" : joined,
    ...(shared.pid === "container"
      ? {}
      : { PidMode: shared.pid === "host" ? "host" : joined }),
    ...(target === undefined ? {} : { PidMode: `container:${target}` }),
    ...(shared.network === "host" ? { UTSMode: "host" } : {}),
  };
}

function resourceFields(spec: ContainerSpec): Partial<HostConfig> {
  const { memory, cpuShares, cpuQuota, cpuPeriod } = engineLimits(spec);
  return {
    CpuShares: cpuShares,
    // Equal, so that none of it is swapped out.
    ...(memory === undefined ? {} : { Memory: memory, MemorySwap: memory }),
    ...(cpuQuota === undefined || cpuPeriod === undefined
      ? {}
      : { CpuPeriod: cpuPeriod, CpuQuota: cpuQuota }),
  };
}

function oomFields(
  { oomScoreAdj }: ContainerSpec,
  { engine, protects }: ContainerMaking,
): Pick<HostConfig, "OomScoreAdj"> {
  const score = oomScore(oomScoreAdj, engine, protects);
  return score === undefined ? {} : { OomScoreAdj: score };
}

function bindText(
  { source, target, readOnly, propagation, noExec = false }: Bind,
): string {
  const options = [
    readOnly ? "ro" : "rw",
    propagationName[propagation],
    ...(noExec ? ["noexec"] : []),
  ];
  return `${source}:${target}:${options.join(",")}`;
}

function bindMount({ source, target, readOnly, propagation }: Bind): BindMount {
  return {
    Type: "bind",
    Source: source,
    Target: target,
    ReadOnly: readOnly,
    BindOptions: { Propagation: propagationName[propagation] },
  };
}

const propagationName = {
  None: "rprivate",
  HostToContainer: "rslave",
  Bidirectional: "rshared",
} as const;
