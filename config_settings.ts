import { resolve } from "node:path";
import { ConfigError } from "./async/config_error.ts";

/** The providers that ship with farlet. */
export const providerNames = ["wasm", "ssh", "memory"] as const;
export type ProviderName = (typeof providerNames)[number];

/** Those that need no host. */
export const localProviderNames = ["wasm", "memory"] as const;
export type LocalProviderName = (typeof localProviderNames)[number];

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
    path: ["nodes", 0, "eviction", "hard"],
    flag: "--eviction-hard <thresholds>",
    help:
      "when pods are evicted, as memory.available<100Mi,nodefs.available<10%; '' for never",
    env: [],
    read: thresholdsBySignal,
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
    path: ["nodes", 0, "wasm", "insecureRegistries"],
    flag: "--insecure-registry <host>",
    help: "registry that may do without TLS; repeatable",
    repeatable: true,
    env: [],
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
    flag: "--client-verify-ca <file>",
    help: "CA of client certificates (default: what the cluster publishes)",
    env: ["APISERVER_CA_CERT_LOCATION"],
    read: path,
  },
  {
    path: ["kubelet", "serverTLSBootstrap"],
    flag: "--no-server-tls-bootstrap",
    help: "do not ask the cluster for a serving certificate",
    env: [],
    read: () => false,
  },
  {
    path: ["kubelet", "authentication", "webhook", "cacheTTL"],
    flag: "--authentication-token-webhook-cache-ttl <duration>",
    help: "how long an answer about a token is good (default: 2m0s)",
    env: [],
  },
  {
    path: ["kubelet", "authorization", "webhook", "cacheAuthorizedTTL"],
    flag: "--authorization-webhook-cache-authorized-ttl <duration>",
    help: "how long a permission is good (default: 5m0s)",
    env: [],
  },
  {
    path: ["kubelet", "authorization", "webhook", "cacheUnauthorizedTTL"],
    flag: "--authorization-webhook-cache-unauthorized-ttl <duration>",
    help: "how long a refusal is good (default: 30s)",
    env: [],
  },
  {
    path: ["kubelet", "streamingConnectionIdleTimeout"],
    flag: "--stream-idle-timeout <duration>",
    help: "when a silent exec or port-forward ends (default: 4h0m0s)",
    env: [],
  },
  {
    path: ["kubelet", "authentication", "anonymous", "enabled"],
    flag: "--no-verify-clients",
    help: "refused: farlet lets nobody in unverified",
    env: [],
    read: refuseUnverified,
  },
];

/** What Virtual Kubelet means by it opens exec in every container to everybody. */
function refuseUnverified(): never {
  throw new ConfigError(
    "Cannot use --no-verify-clients: the kubelet API never serves clients " +
      "unverified; to let RBAC decide about clients without credentials, set " +
      "kubelet.authentication.anonymous.enabled and grant system:anonymous",
  );
}

/** The kubelet's form of thresholds as the map of a file; what is none is left for the schema to refuse. */
function thresholdsBySignal(text: string): unknown {
  const parts = text.split(",").map((part) => part.trim()).filter(Boolean);
  const pairs = parts.map((part) => part.split("<"));
  return pairs.every((pair) => pair.length === 2)
    ? Object.fromEntries(pairs)
    : text;
}

/** Leaves what is no number as it is: the schema says what is wrong with it. */
function wholeNumber(text: string): unknown {
  return /^\d+$/.test(text) ? Number(text) : text;
}

/** In a file, paths are relative to it; here to the working directory. */
function path(text: string): string {
  return resolve(text);
}
