import { messageOf } from "../async/message_of.ts";
import type { RequestOptions } from "node:https";
import { dirname, isAbsolute, join } from "node:path";
import { abortable, type AbortOptions } from "../async/abort.ts";
import type { ClientCertificate } from "./credentials.ts";
import type { ConfigEntry } from "./kubeconfig_file.ts";

/** What a plugin has given; one of the two at least. */
export interface PluginProof {
  readonly token?: string;
  readonly clientCertificate?: ClientCertificate;
}

/** Asks the plugin; from its cache while that is valid, unless `fresh`. */
export type AuthPlugin = (
  options: AbortOptions & { readonly fresh?: boolean },
) => Promise<PluginProof>;

/** How long proof without a time of expiry is used before the plugin is asked again. */
const proofAgeMs = 60_000;

/**
 * The exec plugin or the OIDC provider of a kubeconfig's user; undefined if it has none.
 *
 * @throws {ConfigError} If it is of another kind.
 */
export function authPlugin(user: ConfigEntry): AuthPlugin | undefined {
  if (user.raw("exec") !== undefined) return cached(execPlugin(user));
  const provider = user.entry("auth-provider");
  if (provider === undefined) return undefined;
  if (provider.text("name") !== "oidc") {
    const why = `"${provider.text("name")}" is gone since Kubernetes 1.26`;
    throw provider.error("name", `${why}: use an exec plugin`);
  }
  return cached(oidcProvider(provider));
}

/** What the plugins of `@kubernetes/client-node` fill in. */
type Applied = RequestOptions & { readonly headers: Record<string, string> };

type Apply = (applied: Applied) => Promise<void>;

function execPlugin(user: ConfigEntry): () => Promise<Apply> {
  const exec = user.entry("exec");
  const named = exec?.required("command", "name the program to run") ?? "";
  const relative = named.includes("/") && !isAbsolute(named);
  const command = relative ? join(dirname(user.file), named) : named;
  const env = exec?.raw("env");
  const info = {
    apiVersion: exec?.text("apiVersion"),
    kind: "ExecCredential",
    spec: { interactive: false },
  };
  const config = {
    command,
    args: exec?.raw("args") ?? [],
    env: [
      ...(Array.isArray(env) ? env : []),
      { name: "KUBERNETES_EXEC_INFO", value: JSON.stringify(info) },
    ],
  };
  return async () => {
    const { ExecAuth } = await importExecAuth();
    const plugin = new ExecAuth();
    return async (applied) => {
      try {
        await plugin.applyAuthentication({ name: "", exec: config }, applied);
      } catch (cause) {
        const why = cause instanceof Error ? cause.message.trim() : cause;
        const hint = exec?.text("installHint") ?? "";
        throw new Error(
          `Cannot log in with "${command}": ${why} ${hint}`.trim(),
          { cause },
        );
      }
    };
  };
}

function oidcProvider(provider: ConfigEntry): () => Promise<Apply> {
  const config = provider.entry("config");
  const issuer = config?.required("idp-issuer-url", "name the issuer") ?? "";
  if (!URL.canParse(issuer)) {
    throw provider.error("config.idp-issuer-url", "must be a URL");
  }
  const authProvider = {
    name: "oidc",
    config: {
      ...config?.fields,
      // The plugin passes it on to a library that takes no text.
      "idp-issuer-url": new URL(issuer),
    },
  };
  return async () => {
    const { OpenIDConnectAuth } = await importOidcAuth();
    const plugin = new OpenIDConnectAuth();
    return async (applied) => {
      try {
        await plugin.applyAuthentication({ name: "", authProvider }, applied);
      } catch (cause) {
        const why = messageOf(cause);
        throw new Error(`Cannot get a token from ${issuer}: ${why}`, { cause });
      }
    };
  };
}

/**
 * Only the plugin of `@kubernetes/client-node` is loaded, and only when it is asked: its
 * `KubeConfig` drags the whole generated API with it (measured: 0.4 s and 76 MB, instead of 8 MB).
 */
function importExecAuth() {
  return import("@kubernetes/client-node/dist/exec_auth.js");
}

function importOidcAuth() {
  return import("@kubernetes/client-node/dist/oidc_auth.js");
}

function cached(load: () => Promise<Apply>): AuthPlugin {
  let apply: Promise<Apply> | undefined;
  let asked: { readonly at: number; readonly proof: Promise<PluginProof> } = {
    at: -Infinity,
    proof: Promise.resolve({}),
  };
  return async ({ fresh = false, signal }) => {
    if (fresh) apply = undefined;
    if (fresh || Date.now() - asked.at >= proofAgeMs) {
      apply ??= load();
      const next = { at: Date.now(), proof: ask(apply) };
      asked = next;
      // A failure is not kept: whoever comes next asks again.
      next.proof.catch(() => {
        if (asked === next) asked = { ...next, at: -Infinity };
      });
    }
    return await abortable(asked.proof, { signal });
  };
}

async function ask(loading: Promise<Apply>): Promise<PluginProof> {
  const applied: Applied = { headers: {} };
  await (await loading)(applied);
  const { headers, cert, key } = applied;
  const token = headers["Authorization"]?.replace(/^Bearer /, "").trim();
  const pair = typeof cert === "string" && typeof key === "string"
    ? { certificate: cert, key }
    : undefined;
  if (token === undefined && pair === undefined) {
    throw new Error("Cannot authenticate: the plugin gave no credentials");
  }
  return {
    ...(token === undefined ? {} : { token }),
    ...(pair === undefined ? {} : { clientCertificate: pair }),
  };
}
