import { isIPv6 } from "node:net";
import { ConfigError } from "../async/config_error.ts";
import { tokenFile } from "./bearer_token.ts";
import type { ApiCredentials } from "./credentials.ts";

type ClusterEnvironment = Readonly<Record<string, string | undefined>>;

/** Where the kubelet puts a pod's service account. */
const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Whether the environment is that of a container in a pod. */
export function runsInCluster(env: ClusterEnvironment): boolean {
  return Boolean(env["KUBERNETES_SERVICE_HOST"]);
}

/**
 * The credentials of the pod that we run in; its token is read anew as it rotates.
 *
 * @param folder Where the service account is; by default where the kubelet puts it.
 * @throws {ConfigError} If the pod has no service account.
 */
export async function inClusterCredentials(
  env: ClusterEnvironment,
  folder = serviceAccount,
): Promise<ApiCredentials> {
  const { KUBERNETES_SERVICE_HOST: host = "", KUBERNETES_SERVICE_PORT: port } =
    env;
  const authority = isIPv6(host) ? `[${host}]` : host;
  const token = tokenFile(`${folder}/token`);
  const certificate = await readServiceAccount(`${folder}/ca.crt`);
  await readServiceAccount(`${folder}/token`);
  const namespace = await readServiceAccount(`${folder}/namespace`);
  return {
    server: `https://${authority}:${port ?? "443"}`,
    caCertificates: [certificate],
    namespace: namespace.trim(),
    async authorize(headers, options) {
      headers.set("authorization", `Bearer ${await token(options)}`);
    },
    describe: () => `the service account in ${folder}`,
  };
}

async function readServiceAccount(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw new ConfigError(
      `Cannot use the pod's service account: "${path}" is not readable; mount its token (automountServiceAccountToken) or name a kubeconfig with --kubeconfig`,
      { cause },
    );
  }
}
