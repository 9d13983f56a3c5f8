import { isIP } from "node:net";
import { resolve } from "node:path";
import * as z from "zod";
import { type LogLevel, logLevels } from "./async/log.ts";
import { type ProviderName, providerNames } from "./config_settings.ts";
import { formatDuration, parseDuration } from "./k8s/duration.ts";
import type { Taint } from "./k8s/types.ts";
import { defaultTaint } from "./node/default_taint.ts";

/** What an agent is told: the file, the environment and the flags, with every default filled in. */
export interface AgentConfig {
  /** Undefined: `KUBECONFIG`, `~/.kube/config`, or the service account of the pod it runs in. */
  readonly kubeconfig?: string;
  /** Where pods, logs and modules are kept; absolute. */
  readonly stateDir: string;
  readonly logLevel: LogLevel;
  readonly logFormat: "text" | "json";
  readonly kubelet: KubeletConfig;
  /** Exactly one for now. */
  readonly nodes: readonly [NodeConfig];
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

/** One node that the agent offers to the cluster. */
export interface NodeConfig {
  readonly name: string;
  readonly provider: ProviderName;
  /** Where the API server reaches the kubelet API. Undefined: found out. */
  readonly ip?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  /** Undefined: as many as the provider says. */
  readonly maxPods?: number;
  readonly wasm: {
    /** Directories below which `file:` images may lie. */
    readonly allowLocalModules: readonly string[];
  };
}

export const configHeader = {
  apiVersion: "farlet.dev/v1alpha1",
  kind: "AgentConfiguration",
} as const;

/** The effects of a taint, and so of `VKUBELET_TAINT_EFFECT`. */
const taintEffects = ["NoSchedule", "PreferNoSchedule", "NoExecute"] as const;

// The names that Kubernetes takes: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
const dnsLabel = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const subdomain = new RegExp(`^${dnsLabel}(\\.${dnsLabel})*$`);
const labelWord = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

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
    nodes: z.tuple([nodeSchema(path)], {
      error: ({ input }) =>
        Array.isArray(input) && input.length > 1
          ? "one node per agent for now: run one agent for each node"
          : "expected a list with one node",
    }),
  });
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

function nodeSchema(path: z.ZodType<string>) {
  return fields({
    name: text("a node name").refine(
      isSubdomain,
      not("lower-case letters, digits, - and . as in edge-1"),
    ),
    provider: oneOf(providerNames).default("wasm"),
    ip: ip().exactOptional(),
    labels: z.record(
      z.string(),
      text("a string, in quotes if it looks like a number or a boolean").refine(
        (value) => value === "" || labelWord.test(value),
        not("a label value of at most 63 letters, digits, -, _ and ."),
      ),
      not("a map of labels"),
    ).refine((labels) => Object.keys(labels).every(isLabelKey), {
      error: ({ input }) =>
        `expected label keys such as example.com/zone, not ${
          quoted(Object.keys(Object(input)).filter((key) => !isLabelKey(key)))
        }`,
    }).default({}),
    taints: z.array(z.union([taintText, taintObject], not(taintForms)))
      .exactOptional(),
    maxPods: wholeNumber("a whole number of at least 1", { min: 1 })
      .exactOptional(),
    wasm: fields({
      allowLocalModules: z.array(path, not("a list of directories"))
        .default([]),
    }).prefault({}),
  }).transform(({ taints, ...node }) => ({
    ...node,
    taints: taints ?? [defaultTaint(node.provider)],
  }));
}

const taintForms = "a taint such as key=value:NoSchedule";

const taintObject = z.strictObject({
  key: z.string().refine(isLabelKey),
  value: z.string().regex(labelWord).exactOptional(),
  effect: z.enum(taintEffects),
});

const taintText = z.string().transform((text, context) => {
  const [, key, value, effect] = /^([^=:]+)(?:=([^=:]*))?:(\w+)$/.exec(text) ??
    [];
  const taint = taintObject.safeParse({
    key,
    ...(value ? { value } : {}),
    effect,
  });
  if (taint.success) return taint.data;
  context.issues.push({ code: "custom", input: text, message: "" });
  return z.NEVER;
});

/** Whether `text` can be the name of a node or a namespace. */
export function isSubdomain(text: string): boolean {
  return text.length <= 253 && subdomain.test(text);
}

function isLabelKey(key: string): boolean {
  const [name = "", ...prefixes] = key.split("/").reverse();
  const [prefix] = prefixes;
  if (prefixes.length > 1) return false;
  return labelWord.test(name) &&
    (prefix === undefined || isSubdomain(prefix));
}

/** An object whose unknown fields are errors that name the known ones. */
function fields<T extends z.ZodRawShape>(shape: T) {
  const known = Object.keys(shape).join(", ");
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? `unknown field ${quoted(issue["keys"])}; known here are ${known}`
        : `expected a map with the fields ${known}`,
  });
}

function quoted(keys: unknown): string {
  return Array.isArray(keys) ? keys.map((key) => `"${key}"`).join(", ") : "";
}

function text(what: string) {
  return z.string(not(what));
}

function oneOf<const T extends readonly string[]>(words: T) {
  return z.enum(words, not(words.join(" or ")));
}

function ip() {
  return text("an IP address").refine(
    (text) => isIP(text) !== 0,
    not("an IP address such as 10.0.0.5"),
  );
}

function wholeNumber(
  what: string,
  { min, max = Number.MAX_SAFE_INTEGER }: {
    readonly min: number;
    readonly max?: number;
  },
) {
  return z.int(not(what)).min(min, not(what)).max(max, not(what));
}

/** Milliseconds, from the text that Go takes; `fallback` is such a text too. */
function duration(
  fallback: string,
  { min = 0 }: { readonly min?: number } = {},
) {
  const atLeast = min === 0 ? "" : ` of at least ${formatDuration(min)}`;
  const expected = `a duration such as ${fallback}${atLeast}`;
  return text(expected)
    .refine((text) => (parseDuration(text) ?? -1) >= min, not(expected))
    .transform((text) => parseDuration(text) ?? min)
    .prefault(fallback);
}

/** The message of a value that is not what was expected. */
function not(expected: string) {
  return {
    error: ({ input }: { readonly input?: unknown }) =>
      input === undefined
        ? `missing: expected ${expected}`
        : `expected ${expected}, not ${JSON.stringify(input)}`,
  };
}
