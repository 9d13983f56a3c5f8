import { messageOf } from "../async/message_of.ts";
import { join } from "node:path";
import { ConfigError } from "../async/config_error.ts";
import { Deadline } from "../async/deadline.ts";
import { type AuthPlugin, authPlugin } from "./auth_plugin.ts";
import { tokenFile, type TokenSource } from "./bearer_token.ts";
import type { ApiCredentials, ClientCertificate } from "./credentials.ts";
import { inClusterCredentials, runsInCluster } from "./in_cluster.ts";
import {
  type ConfigEntry,
  type Kubeconfig,
  readKubeconfig,
} from "./kubeconfig_file.ts";
import { ApiTransport } from "./transport.ts";

/** Where to look for the cluster. */
export interface CredentialOptions {
  /** A kubeconfig file; nothing else is looked at. */
  readonly kubeconfig?: string;
  /** A context in it; the current one by default. */
  readonly context?: string;
  /** `KUBECONFIG`, `HOME` and, in a cluster, `KUBERNETES_SERVICE_HOST` and `_PORT` are read. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Finds the API server and our credentials: in the named kubeconfig, in those of `KUBECONFIG`, in
 * `~/.kube/config`, or in the pod that we run in.
 *
 * @throws {ConfigError} If there are none, or they cannot be used.
 */
export async function loadCredentials(
  options: CredentialOptions,
): Promise<ApiCredentials> {
  const files = await kubeconfigFiles(options);
  if (files !== undefined) {
    return await credentialsOf(await readKubeconfig(files), options);
  }
  if (runsInCluster(options.env)) return inClusterCredentials(options.env);
  throw new ConfigError(
    "Cannot find a cluster: there is no ~/.kube/config; name a kubeconfig with --kubeconfig or KUBECONFIG",
  );
}

async function kubeconfigFiles(
  { kubeconfig, env }: CredentialOptions,
): Promise<[string, ...string[]] | undefined> {
  if (kubeconfig !== undefined) return [kubeconfig];
  const separator = Deno.build.os === "windows" ? ";" : ":";
  const named = (env["KUBECONFIG"] ?? "").split(separator).filter(Boolean);
  const [first, ...others] = named;
  if (first !== undefined) {
    // As kubectl: of several files some may be missing, but not all.
    const [found, ...more] = await existing(named);
    return found === undefined ? [first, ...others] : [found, ...more];
  }
  const home = env["HOME"] ?? env["USERPROFILE"];
  if (home === undefined) return undefined;
  const [file] = await existing([join(home, ".kube", "config")]);
  return file === undefined ? undefined : [file];
}

async function existing(files: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const file of files) {
    try {
      await Deno.stat(file);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
      // Reading it says what is wrong with it.
    }
    found.push(file);
  }
  return found;
}

async function credentialsOf(
  config: Kubeconfig,
  { context: wanted }: CredentialOptions,
): Promise<ApiCredentials> {
  const { file } = config;
  const name = wanted ?? config.currentContext;
  if (name === undefined) {
    throw new ConfigError(
      `Cannot use kubeconfig "${file}": current-context is missing: choose one of ${
        names(config.contexts)
      } with "kubectl config use-context"`,
    );
  }
  const context = config.contexts.get(name);
  if (context === undefined) {
    throw new ConfigError(
      `Cannot use kubeconfig "${file}": ${
        wanted === undefined ? "current-context" : "the context"
      } "${name}" is not there: choose one of ${names(config.contexts)}`,
    );
  }
  const cluster = named(context, "cluster", config.clusters);
  const user = context.text("user") === undefined
    ? undefined
    : named(context, "user", config.users);
  const proof = user === undefined ? noProof : await proofOf(user);
  const { authorize, clientCertificate } = proof;
  const proxyUrl = cluster.text("proxy-url");
  const credentials: ApiCredentials = {
    server: serverOf(cluster),
    caCertificates: await authorities(cluster),
    ...(clientCertificate === undefined ? {} : { clientCertificate }),
    ...(proxyUrl === undefined ? {} : { proxyUrl }),
    namespace: context.text("namespace") ?? "default",
    context: name,
    authorize,
    describe: () => `context "${name}" of kubeconfig "${cluster.file}"`,
  };
  checkConnectionOptions(credentials);
  return credentials;
}

function names(entries: ReadonlyMap<string, ConfigEntry>): string {
  return entries.size === 0 ? "(there are none)" : [...entries.keys()].join(
    ", ",
  );
}

function named(
  context: ConfigEntry,
  field: "cluster" | "user",
  entries: ReadonlyMap<string, ConfigEntry>,
): ConfigEntry {
  const name = context.required(field, `name one of ${names(entries)}`);
  const entry = entries.get(name);
  if (entry !== undefined) return entry;
  throw context.error(
    field,
    `names "${name}", which is not among the ${field}s: ${names(entries)}`,
  );
}

function serverOf(cluster: ConfigEntry): string {
  const server = cluster.required("server", "give the API server's URL");
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url?.protocol !== "https:" && url?.protocol !== "http:") {
    throw cluster.error("server", `must be an https URL, not "${server}"`);
  }
  return server.replace(/\/+$/, "");
}

/** Refuses what the runtime's TLS cannot do for one client alone. */
async function authorities(cluster: ConfigEntry): Promise<string[]> {
  if (cluster.flag("insecure-skip-tls-verify")) {
    throw cluster.error(
      "insecure-skip-tls-verify",
      "is not supported: put the cluster's CA into certificate-authority-data",
    );
  }
  if (cluster.text("tls-server-name") !== undefined) {
    throw cluster.error(
      "tls-server-name",
      "is not supported: use a server URL with a name that is in the API server's certificate",
    );
  }
  const pem = await cluster.pem("certificate-authority");
  if (pem === undefined) return [];
  if (!pem.includes("-----BEGIN CERTIFICATE-----")) {
    throw cluster.error("certificate-authority", "has no PEM certificate");
  }
  return [pem];
}

interface Proof {
  readonly authorize: ApiCredentials["authorize"];
  readonly clientCertificate?: ClientCertificate;
}

const noProof: Proof = { authorize: () => Promise.resolve() };

async function proofOf(user: ConfigEntry): Promise<Proof> {
  const plugin = authPlugin(user);
  const clientCertificate = await certificateOf(user, plugin);
  const token = await tokenOf(user, plugin);
  const more = fixedHeaders(user);
  return {
    ...(clientCertificate === undefined ? {} : { clientCertificate }),
    async authorize(headers, options) {
      for (const [name, value] of more) headers.append(name, value);
      if (token === undefined) return;
      headers.set("authorization", `Bearer ${await token(options)}`);
    },
  };
}

/** How long a plugin may take at start, for example to ask its identity provider. */
const pluginTimeoutMs = 60_000;

async function certificateOf(
  user: ConfigEntry,
  plugin: AuthPlugin | undefined,
): Promise<ClientCertificate | undefined> {
  const certificate = await user.pem("client-certificate");
  const key = await user.pem("client-key");
  if (certificate !== undefined && key !== undefined) {
    return { certificate, key };
  }
  if (certificate !== undefined) {
    throw user.error("client-key", "is missing beside client-certificate");
  }
  if (key !== undefined) {
    throw user.error("client-certificate", "is missing beside client-key");
  }
  if (plugin === undefined) return undefined;
  using deadline = new Deadline(pluginTimeoutMs, {
    signal: new AbortController().signal,
  });
  try {
    return (await plugin(deadline)).clientCertificate;
  } catch (cause) {
    const field = user.raw("exec") === undefined ? "auth-provider" : "exec";
    const why = messageOf(cause);
    throw user.error(field, `does not work: ${why}`, { cause });
  }
}

/** As kubectl: a file wins over a token, a token over a plugin. */
async function tokenOf(
  user: ConfigEntry,
  plugin: AuthPlugin | undefined,
): Promise<TokenSource | undefined> {
  const path = user.filePath("tokenFile");
  if (path !== undefined) {
    await user.fileText("tokenFile");
    return tokenFile(path);
  }
  const token = user.text("token");
  if (token !== undefined) return () => Promise.resolve(token);
  if (plugin === undefined) return undefined;
  const signal = new AbortController().signal;
  if ((await plugin({ signal })).token === undefined) return undefined;
  return async (options) => {
    const { token } = await plugin(options);
    if (token !== undefined) return token;
    throw new Error(`Cannot authenticate: the plugin gave no token`);
  };
}

function fixedHeaders(user: ConfigEntry): readonly [string, string][] {
  const headers: [string, string][] = [];
  const username = user.text("username");
  if (username !== undefined) {
    const login = `${username}:${user.text("password") ?? ""}`;
    headers.push(["authorization", `Basic ${btoa(login)}`]);
  }
  const as = user.text("as");
  if (as !== undefined) headers.push(["impersonate-user", as]);
  const uid = user.text("as-uid");
  if (uid !== undefined) headers.push(["impersonate-uid", uid]);
  const groups = user.raw("as-groups");
  for (const group of Array.isArray(groups) ? groups : []) {
    headers.push(["impersonate-group", String(group)]);
  }
  return headers;
}

/** Lets the runtime look at the certificates now, not at the first request. */
function checkConnectionOptions(credentials: ApiCredentials): void {
  try {
    using _transport = new ApiTransport(credentials);
  } catch (cause) {
    const why = messageOf(cause);
    throw new ConfigError(
      `Cannot use ${credentials.describe()}: its certificates or its proxy-url are wrong: ${why}`,
      { cause },
    );
  }
}
