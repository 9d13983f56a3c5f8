import type { ContainerSpec, SandboxSpec } from "../container_spec.ts";
import type {
  ContainerRecord,
  InspectedContainer,
  RecordState,
} from "./container_record.ts";
import { engineName, identityLabels, sharedLabels } from "./labels.ts";

/** The pod of the records here. */
export const pod = { uid: "uid-1", namespace: "default", name: "web-0" };

/** A sandbox as most pods have it. */
export function sandboxSpec(more: Partial<SandboxSpec> = {}): SandboxSpec {
  return {
    ...pod,
    labels: {},
    annotations: {},
    hostname: "web-0",
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
    ...more,
  };
}

/** A container of which the pod says no more than it must. */
export function containerSpec(
  more: Partial<ContainerSpec> = {},
): ContainerSpec {
  return {
    name: "web",
    attempt: 0,
    image: "nginx",
    imageId: "sha256:11",
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
    ...more,
  };
}

/** A moment of the day of the records. */
export function at(time: string): Date {
  return new Date(`2026-11-23T${time}Z`);
}

/** A run of container `web`, running unless told otherwise. */
export function run(more: Partial<ContainerRecord> = {}): ContainerRecord {
  const attempt = more.attempt ?? 0;
  return {
    pod,
    node: "n1",
    kind: "container",
    container: "web",
    attempt,
    image: "nginx",
    imageId: "sha256:11",
    sandbox: "sandbox-0",
    id: `${more.container ?? "web"}-${attempt}`,
    createdAt: at(`10:0${attempt}:00`),
    state: { kind: "running", startedAt: at(`10:0${attempt}:01`) },
    ips: [],
    shared: { hostname: "web-0", network: "pod", ipc: "pod", pid: "container" },
    stopSignal: "SIGTERM",
    specHash: "abc",
    tty: false,
    stdinOnce: false,
    limited: false,
    ...more,
  };
}

/** A sandbox of the pod, running unless told otherwise. */
export function sandbox(more: Partial<ContainerRecord> = {}): ContainerRecord {
  return run({
    kind: "sandbox",
    container: "",
    sandbox: "",
    id: `sandbox-${more.attempt ?? 0}`,
    ips: ["10.88.0.2"],
    ...more,
  });
}

/** The state of a run that ended with a code. */
export function exited(
  code: number,
  more: Partial<Extract<RecordState, { kind: "exited" }>> = {},
): RecordState {
  return {
    kind: "exited",
    code,
    oomKilled: false,
    error: "",
    startedAt: at("10:00:01"),
    finishedAt: at("10:00:05"),
    ...more,
  };
}

/** What an engine answers of a container that farlet made. */
export function inspected(
  State: InspectedContainer["State"],
  more: Partial<InspectedContainer> = {},
  record: ContainerRecord = run(),
): InspectedContainer {
  return {
    Id: record.id,
    Name: `/${engineName(record)}`,
    Created: "2026-11-23T10:00:00.5Z",
    State,
    Config: {
      Labels: { ...identityLabels(record), ...sharedLabels(record.shared) },
    },
    ...more,
  };
}
