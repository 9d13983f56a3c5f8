import { resolve } from "node:path";
import * as z from "zod";
import { type LogLevel, logLevels } from "./async/log.ts";
import {
  duration,
  fields,
  ip,
  not,
  oneOf,
  text,
  wholeNumber,
} from "./config_fields.ts";
import { type NodeConfig, nodeSchema } from "./config_node.ts";

/** What an agent is told: the file, the environment and the flags, with every default filled in. */
export interface AgentConfig {
  /** Undefined: `KUBECONFIG`, `~/.kube/config`, or the service account of the pod it runs in. */
  readonly kubeconfig?: string;
  /** Where pods, logs and modules are kept; absolute. */
  readonly stateDir: string;
  readonly logLevel: LogLevel;
  readonly logFormat: "text" | "json";
  readonly kubelet: KubeletConfig;
  /** Their names differ. */
  readonly nodes: readonly [NodeConfig, ...NodeConfig[]];
}

/** Where and how the agent serves the kubelet API. */
export interface KubeletConfig {
  readonly address: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Given together with the key, instead of any other certificate. Absolute, as every path here. */
  readonly tlsCertFile?: string;
  readonly tlsKeyFile?: string;
  /** Whether the cluster is asked for a certificate; until it has signed one: self-signed. */
  readonly serverTLSBootstrap: boolean;
  /** Who signs client certificates. Undefined: what the cluster publishes for this purpose. */
  readonly clientCaFile?: string;
  readonly authentication: {
    /** Whether who shows no credentials is the user `system:anonymous`. */
    readonly anonymous: { readonly enabled: boolean };
    /** For how long the answer about a token is good: milliseconds, as every duration here. */
    readonly webhook: { readonly cacheTTL: number };
  };
  readonly authorization: {
    /** For how long a permission and a refusal are good. */
    readonly webhook: {
      readonly cacheAuthorizedTTL: number;
      readonly cacheUnauthorizedTTL: number;
    };
  };
  /** After how long an exec, attach or port-forward without a byte ends. */
  readonly streamingConnectionIdleTimeout: number;
}

export const configHeader = {
  apiVersion: "farlet.dev/v1alpha1",
  kind: "AgentConfiguration",
} as const;

/**
 * The schema of a configuration.
 *
 * @param baseDir What relative paths are relative to.
 * @param defaultStateDir Where state is kept unless the configuration says.
 */
export function agentConfigSchema(
  { baseDir, defaultStateDir }: {
    readonly baseDir: string;
    readonly defaultStateDir: string;
  },
) {
  const path = text("a path").min(1, "expected a path, not an empty string")
    .transform((path) => resolve(baseDir, path));
  return fields({
    apiVersion: z.literal(configHeader.apiVersion, not("farlet.dev/v1alpha1")),
    kind: z.literal(configHeader.kind, not("AgentConfiguration")),
    kubeconfig: path.exactOptional(),
    stateDir: path.default(defaultStateDir),
    logLevel: oneOf(logLevels).default("info"),
    logFormat: oneOf(["text", "json"]).default("text"),
    kubelet: kubeletSchema(path),
    nodes: z.array(nodeSchema(path), not("a list of nodes"))
      .superRefine(checkNodes)
      .transform(([first, ...others], context): AgentConfig["nodes"] => {
        if (first !== undefined) return [first, ...others];
        const message = "expected at least one node";
        context.issues.push({ code: "custom", input: [], message });
        return z.NEVER;
      }),
  });
}

/** What one node cannot know: its name is its own, and the agent's machine is one node at most. */
function checkNodes(
  nodes: readonly NodeConfig[],
  context: z.RefinementCtx,
): void {
  for (const [index, { name, provider, kubeletPort }] of nodes.entries()) {
    const before = nodes.slice(0, index);
    const problem = (field: string, message: string) =>
      context.addIssue({ code: "custom", path: [index, field], message });
    if (before.some((node) => node.name === name)) {
      problem("name", `"${name}" is the name of another node`);
    }
    if (
      provider === "wasm" && before.some((node) => node.provider === "wasm")
    ) {
      problem("provider", "this machine can be one wasm node, not two");
    }
    if (
      kubeletPort !== undefined && kubeletPort !== 0 &&
      before.some((node) => node.kubeletPort === kubeletPort)
    ) {
      problem("kubeletPort", `${kubeletPort} is the port of another node`);
    }
  }
}

/** The names and defaults are those of a KubeletConfiguration where it has them. */
function kubeletSchema(path: z.ZodType<string>) {
  return fields({
    address: ip().default("0.0.0.0"),
    port: wholeNumber("a port from 0 to 65535", { min: 0, max: 65_535 })
      .default(10_250),
    tlsCertFile: path.exactOptional(),
    tlsKeyFile: path.exactOptional(),
    serverTLSBootstrap: z.boolean(not("true or false")).default(true),
    clientCaFile: path.exactOptional(),
    authentication: fields({
      anonymous: fields({
        enabled: z.boolean(not("true or false")).default(false),
      }).prefault({}),
      webhook: fields({ cacheTTL: duration("2m0s") }).prefault({}),
    }).prefault({}),
    authorization: fields({
      webhook: fields({
        cacheAuthorizedTTL: duration("5m0s"),
        cacheUnauthorizedTTL: duration("30s"),
      }).prefault({}),
    }).prefault({}),
    streamingConnectionIdleTimeout: duration("4h0m0s", { min: 1000 }),
  }).refine(
    (k) => (k.tlsCertFile === undefined) === (k.tlsKeyFile === undefined),
    "tlsCertFile and tlsKeyFile go together: set both or neither",
  ).prefault({});
}
