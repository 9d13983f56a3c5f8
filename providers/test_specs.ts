import type { ContainerSpec, SandboxSpec } from "./container_spec.ts";
import type { PodIdentity } from "./runtime.ts";

/** A sandbox of which nothing is asked. */
export function plainSandbox(identity: PodIdentity): SandboxSpec {
  return {
    ...identity,
    labels: {},
    annotations: {},
    hostname: identity.name,
    network: "pod",
    ipc: "pod",
    pid: "container",
    dns: {
      hostServers: true,
      hostSearches: true,
      servers: [],
      searches: [],
      options: [],
    },
    hostAliases: [],
    sysctls: {},
    ports: [],
  };
}

/** The first run of a container of which nothing is asked but that it runs. */
export function plainContainer(
  image: Pick<ContainerSpec, "image" | "imageId">,
): ContainerSpec {
  return {
    name: "main",
    attempt: 0,
    ...image,
    env: {},
    mounts: [],
    stdin: false,
    stdinOnce: false,
    tty: false,
    oomScoreAdj: 1000,
    security: {
      supplementalGroups: [],
      privileged: false,
      readOnlyRootFilesystem: false,
      allowPrivilegeEscalation: true,
      capabilities: { add: [], drop: [] },
    },
    terminationMessagePath: "/dev/termination-log",
  };
}
