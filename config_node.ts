import * as z from "zod";
import {
  fields,
  ip,
  not,
  oneOf,
  quantity,
  quoted,
  text,
  wholeNumber,
} from "./config_fields.ts";
import {
  shutdownFields,
  shutdownProblem,
  shutdownSettings,
} from "./config_shutdown.ts";
import { evictionSchema } from "./config_eviction.ts";
import { type ProviderName, providerNames } from "./config_settings.ts";
import type { Taint } from "./k8s/types.ts";
import { defaultTaint } from "./node/default_taint.ts";
import type { EvictionSettings } from "./pods/eviction_thresholds.ts";
import type { ShutdownSettings } from "./pods/shutdown_steps.ts";
import { isPodRange } from "./providers/wasm/address_range.ts";
import { parseUserIds } from "./providers/wasm/user_ids.ts";
import { sysctlPatternProblem } from "./providers/sysctls.ts";
import type { SystemReserved } from "./reserved_resources.ts";
import type { TargetSettings } from "./providers/ssh/transport/resolve_target.ts";

/** One node that the agent offers to the cluster. */
export interface NodeConfig {
  readonly name: string;
  readonly provider: ProviderName;
  /** Where the API server reaches the kubelet API. Undefined: found out. */
  readonly ip?: string;
  /** Undefined: the port of `kubelet`, and one more for each node after the first. */
  readonly kubeletPort?: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  /** Undefined: as many as the provider says. */
  readonly maxPods?: number;
  /** What the machine needs for itself. */
  readonly systemReserved: SystemReserved;
  /** When pods are evicted because the node runs short. */
  readonly eviction: EvictionSettings;
  /** The time that pods get when the machine shuts down; none by default. */
  readonly shutdown: ShutdownSettings;
  /** Kernel parameters that pods may set though they are not safe; `*` ends a pattern. */
  readonly allowedUnsafeSysctls: readonly string[];
  /** Name servers of pods with the DNS policy `ClusterFirst`; none: they use the host's. */
  readonly clusterDNS: readonly string[];
  readonly clusterDomain: string;
  readonly wasm: {
    /** Directories below which `file:` images may lie. */
    readonly allowLocalModules: readonly string[];
    /** Registries, such as `registry.lan:5000`, that may do without TLS. */
    readonly insecureRegistries: readonly string[];
    /** The addresses that pods get. Undefined: some that nobody else on the machine has. */
    readonly podCIDR?: string;
    /** The users that pods become, one each, where farlet is root: `65536-131071` unless given. */
    readonly userIDs?: string;
    /** What runs the modules: `v8`, which is farlet's own, or a wasmtime. */
    readonly engine: "v8" | "wasmtime";
    /** Path of the wasmtime program. Undefined: the one on the PATH. */
    readonly wasmtime?: string;
  };
  /** Given exactly where the provider is `ssh`. */
  readonly ssh?: SshConfig;
}

/** The host behind a node with the provider `ssh`. */
export interface SshConfig extends TargetSettings {
  /** The socket of Docker or Podman on the host; found otherwise. */
  readonly engineSocket?: string;
  /** Where pods are kept on the host; `/var/lib/farlet` for root, else `~/.local/share/farlet`. */
  readonly rootDir?: string;
  /** How pods reach the API server: through farlet's own connection, or directly; found out by `auto`. */
  readonly tunnel: "auto" | "apiserver" | "none";
}

/** The effects of a taint, and so of `VKUBELET_TAINT_EFFECT`. */
const taintEffects = ["NoSchedule", "PreferNoSchedule", "NoExecute"] as const;

// The names that Kubernetes takes: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
const dnsLabel = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const subdomain = new RegExp(`^${dnsLabel}(\\.${dnsLabel})*$`);
const labelWord = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

/** The schema of one node; `path` makes paths absolute. */
export function nodeSchema(path: z.ZodType<string>) {
  return fields({
    name: text("a node name").refine(
      isSubdomain,
      not("lower-case letters, digits, - and . as in edge-1"),
    ),
    provider: oneOf(providerNames).default("wasm"),
    ip: ip().exactOptional(),
    kubeletPort: wholeNumber("a port from 0 to 65535", {
      min: 0,
      max: 65_535,
    }).exactOptional(),
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
    systemReserved: fields({
      cpu: quantity("500m").exactOptional(),
      memory: quantity("1Gi").exactOptional(),
      "ephemeral-storage": quantity("10Gi").exactOptional(),
    }).default({}),
    eviction: evictionSchema(),
    ...shutdownFields(),
    allowedUnsafeSysctls: z.array(
      sysctlPattern,
      not("a list of kernel parameters such as net.core.somaxconn"),
    ).default([]),
    clusterDNS: z.array(ip(), not("a list of IP addresses")).default([]),
    clusterDomain: text("a domain").refine(
      isSubdomain,
      not("a domain such as cluster.local"),
    ).default("cluster.local"),
    wasm: fields({
      allowLocalModules: z.array(path, not("a list of directories"))
        .default([]),
      insecureRegistries: z.array(
        registryName,
        not("a list of registries such as registry.lan:5000"),
      ).default([]),
      podCIDR: text("a CIDR").refine(
        (value) => isPodRange(value),
        not("a range of at least 4 addresses such as 10.88.0.0/16"),
      ).exactOptional(),
      userIDs: text("a range of users").refine(
        (value) => parseUserIds(value) !== undefined,
        not("a range of users without root such as 65536-131071"),
      ).exactOptional(),
      engine: oneOf(["v8", "wasmtime"]).default("v8"),
      wasmtime: path.exactOptional(),
    }).refine(
      ({ engine, wasmtime }) => engine === "wasmtime" || wasmtime === undefined,
      { path: ["wasmtime"], error: "only for `engine: wasmtime`" },
    ).prefault({}),
    ssh: sshSchema(path).exactOptional(),
  }).refine(
    ({ provider, ssh }) => provider !== "ssh" || ssh !== undefined,
    {
      path: ["ssh"],
      error: "missing: a node of the provider ssh needs ssh.host",
    },
  ).refine(({ provider, ssh }) => provider === "ssh" || ssh === undefined, {
    path: ["ssh"],
    error: "only a node with `provider: ssh` has a host",
  }).superRefine((node, context) => {
    const problem = shutdownProblem(node);
    if (problem === undefined) return;
    const { field, message } = problem;
    context.addIssue({ code: "custom", path: [field], message });
  }).transform((
    {
      taints,
      shutdownGracePeriod,
      shutdownGracePeriodCriticalPods,
      shutdownGracePeriodByPodPriority,
      ...node
    },
  ) => ({
    ...node,
    shutdown: shutdownSettings({
      shutdownGracePeriod,
      shutdownGracePeriodCriticalPods,
      shutdownGracePeriodByPodPriority,
    }),
    taints: taints ?? [defaultTaint(node.provider)],
  }));
}

function sshSchema(path: z.ZodType<string>) {
  const word = (what: string) => text(what).regex(/^[^\s-][^\s]*$/, not(what));
  return fields({
    host: word("a host name, an address or an alias"),
    port: wholeNumber("a port from 1 to 65535", { min: 1, max: 65_535 })
      .exactOptional(),
    user: word("a user name").exactOptional(),
    identityFile: path.exactOptional(),
    passphraseFile: path.exactOptional(),
    passwordFile: path.exactOptional(),
    knownHostsFile: path.exactOptional(),
    jump: word("a host such as ssh://user@bastion").exactOptional(),
    configFile: path.exactOptional(),
    engineSocket: absolutePath().exactOptional(),
    rootDir: absolutePath().exactOptional(),
    tunnel: oneOf(["auto", "apiserver", "none"]).default("auto"),
  });
}

const registryName = text("a registry").regex(
  /^[A-Za-z0-9.-]+(?::\d+)?$|^\[[0-9a-f:]+\](?::\d+)?$/,
  not("a registry such as registry.lan:5000"),
);

/** A path on the host: what it is relative to, nobody here could say. */
function absolutePath() {
  return text("an absolute path").regex(
    /^\/[^\n]*[^/\n]$/,
    not("an absolute path on the host, such as /var/lib/farlet"),
  );
}

const sysctlPattern = text("a kernel parameter").superRefine(
  (pattern, context) => {
    const expected = sysctlPatternProblem(pattern);
    if (expected === undefined) return;
    const message = `expected ${expected}, not ${JSON.stringify(pattern)}`;
    context.addIssue({ code: "custom", message });
  },
);

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
