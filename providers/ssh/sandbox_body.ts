import type { ServerAddress } from "../provider.ts";
import type { PortMapping, SandboxSpec } from "../container_spec.ts";
import {
  relayCapabilities,
  relayCommand,
  relayDirectory,
  relaySecurityOptions,
} from "./api_relay.ts";
import {
  type CreateBody,
  type EngineTraits,
  type LogConfig,
  oomScore,
  withSpecHash,
} from "./create_body.ts";
import { identityLabels, sharedLabels } from "./labels.ts";

/** The address that a sandbox relays, and the directory on the host of the socket that it goes to. */
export interface ApiRelay {
  readonly server: ServerAddress;
  readonly directory: string;
}

/** What a sandbox is made from besides its spec. */
export interface SandboxMaking {
  readonly node: string;
  /** 0 for the pod's first sandbox. */
  readonly attempt: number;
  /** The pause image on the host. */
  readonly image: string;
  /** Where the pod finds the API server, if its program relays to it. */
  readonly relay?: ApiRelay;
  readonly engine: EngineTraits;
  /** Whether the engine may protect a process from the kernel's memory killer. */
  readonly protects: boolean;
  readonly logConfig: LogConfig;
}

/** The kubelet's score and CPU share of a sandbox. */
const sandboxOomScore = -998;
const sandboxCpuShares = 2;

/** The body that makes a pod's sandbox: a container that holds the namespaces and does nothing. */
export function sandboxBody(
  sandbox: SandboxSpec,
  making: SandboxMaking,
): CreateBody {
  const { engine, image, relay } = making;
  const score = oomScore(sandboxOomScore, engine, making.protects);
  const onHost = sandbox.network === "host";
  return withSpecHash({
    Image: image,
    Labels: {
      ...identityLabels({
        pod: sandbox,
        node: making.node,
        kind: "sandbox",
        container: "",
        attempt: making.attempt,
        image,
        imageId: image,
        sandbox: "",
      }),
      ...sharedLabels(sandbox),
    },
    ...(relay === undefined ? {} : { Cmd: relayCommand(relay.server) }),
    // The host's own name is kept with its network; Docker refuses another then.
    ...(onHost ? {} : { Hostname: sandbox.hostname }),
    Healthcheck: { Test: ["NONE"] },
    ...(onHost ? {} : portFields(sandbox.ports)),
    HostConfig: {
      RestartPolicy: { Name: "no" },
      NetworkMode: onHost ? "host" : "bridge",
      IpcMode: sandbox.ipc === "host" ? "host" : "shareable",
      ...(sandbox.pid === "host" ? { PidMode: "host" } : {}),
      ...(onHost ? { UTSMode: "host" } : {}),
      ...(onHost ? {} : { PortBindings: portBindings(sandbox.ports) }),
      ...(relay === undefined
        ? {}
        // Who gets into it must not put another socket there: it is that of all pods.
        : { Binds: [`${relay.directory}:${relayDirectory}:ro`] }),
      ...(Object.keys(sandbox.sysctls).length === 0
        ? {}
        : { Sysctls: sandbox.sysctls }),
      CpuShares: sandboxCpuShares,
      ...(score === undefined ? {} : { OomScoreAdj: score }),
      CapDrop: ["ALL"],
      ...(relay === undefined ? {} : { CapAdd: relayCapabilities }),
      ReadonlyRootfs: true,
      SecurityOpt: [
        "no-new-privileges",
        ...(relay === undefined ? [] : relaySecurityOptions),
      ],
      LogConfig: making.logConfig,
    },
  });
}

function portFields(
  ports: readonly PortMapping[],
): Pick<CreateBody, "ExposedPorts"> {
  if (ports.length === 0) return {};
  return {
    ExposedPorts: Object.fromEntries(ports.map((port) => [portKey(port), {}])),
  };
}

function portBindings(ports: readonly PortMapping[]) {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const port of ports) {
    (bindings[portKey(port)] ??= []).push({
      HostIp: port.hostIp ?? "",
      HostPort: String(port.hostPort),
    });
  }
  return bindings;
}

function portKey({ containerPort, protocol }: PortMapping): string {
  return `${containerPort}/${protocol.toLowerCase()}`;
}
