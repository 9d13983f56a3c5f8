import { resolve } from "node:path";

/** The providers that ship with farlet. */
export const providerNames = ["wasm", "memory"] as const;
export type ProviderName = (typeof providerNames)[number];

/** Where a field is in the configuration: `["kubelet", "port"]`, `["nodes", 0, "ip"]`. */
export type FieldPath = readonly PropertyKey[];

/** The environment of the process, as `main.ts` read it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A field of the configuration that has a flag or environment variables as well. */
export interface Setting {
  readonly path: FieldPath;
  /** As commander writes it: `--kubelet-port <port>`; undefined where there is none. */
  readonly flag?: string;
  readonly help?: string;
  /** May be given more than once; the values become a list. */
  readonly repeatable?: boolean;
  /** The first one that is set counts. */
  readonly env: readonly string[];
  /** Turns the text, or each of several, into what stands in the file; the text itself unless given. */
  readonly read?: (text: string) => unknown;
}

/**
 * Every field that may come from a flag or the environment. The names without FARLET_ are those
 * of Virtual Kubelet, so that its deployments need no change.
 */
export const settings: readonly Setting[] = [
  {
    path: ["kubeconfig"],
    flag: "--kubeconfig <file>",
    help: "how to reach the cluster (default: KUBECONFIG, ~/.kube/config)",
    env: [],
    read: path,
  },
  {
    path: ["nodes", 0, "name"],
    flag: "--node-name <name>",
    help: "name of the node (default: the host name)",
    env: ["FARLET_NODE_NAME", "DEFAULT_NODE_NAME"],
  },
  {
    path: ["nodes", 0, "provider"],
    flag: "--provider <name>",
    help: `what runs the containers: ${providerNames.join(", ")}`,
    env: ["FARLET_PROVIDER"],
  },
  {
    path: ["nodes", 0, "ip"],
    flag: "--node-ip <address>",
    help: "address at which the API server reaches this agent",
    env: ["FARLET_NODE_IP", "VKUBELET_POD_IP"],
  },
  {
    path: ["kubelet", "port"],
    flag: "--kubelet-port <port>",
    help: "port of the kubelet API; 0 takes any free one (default: 10250)",
    env: ["FARLET_KUBELET_PORT", "KUBELET_PORT"],
    read: wholeNumber,
  },
  {
    path: ["nodes", 0, "taints"],
    flag: "--no-taint",
    help: "leave the node open to every pod",
    env: [],
    read: () => [],
  },
  {
    path: ["nodes", 0, "wasm", "allowLocalModules"],
    flag: "--allow-local-modules <dir>",
    help: "directory whose modules pods may name as file: images; repeatable",
    repeatable: true,
    env: [],
    read: path,
  },
  {
    path: ["stateDir"],
    flag: "--state-dir <dir>",
    help: "where pods, logs and modules are kept",
    env: ["FARLET_STATE_DIR"],
    read: path,
  },
  {
    path: ["logLevel"],
    flag: "--log-level <level>",
    help: "debug, info, warning or error",
    env: ["FARLET_LOG_LEVEL"],
  },
  {
    path: ["logFormat"],
    flag: "--log-format <format>",
    help: "text or json",
    env: ["FARLET_LOG_FORMAT"],
  },
  {
    path: ["kubelet", "tlsCertFile"],
    env: ["APISERVER_CERT_LOCATION"],
    read: path,
  },
  {
    path: ["kubelet", "tlsKeyFile"],
    env: ["APISERVER_KEY_LOCATION"],
    read: path,
  },
  {
    path: ["kubelet", "clientCaFile"],
    env: ["APISERVER_CA_CERT_LOCATION"],
    read: path,
  },
];

/** Leaves what is no number as it is: the schema says what is wrong with it. */
function wholeNumber(text: string): unknown {
  return /^\d+$/.test(text) ? Number(text) : text;
}

/** In a file, paths are relative to it; here to the working directory. */
function path(text: string): string {
  return resolve(text);
}
