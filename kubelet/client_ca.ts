import type { AbortOptions } from "../async/abort.ts";
import type { ConfigMap } from "../k8s/types.ts";
import type { KubeApi } from "./context.ts";

/** Where the CA comes from that signs the certificates of the kubelet API's clients. */
export type ClientCaSource =
  /** A PEM file of the operator. */
  | { readonly kind: "file"; readonly path: string }
  /** What the cluster's API server trusts itself: a ConfigMap that it keeps up to date. */
  | { readonly kind: "cluster" };

const configMap =
  "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication";

/** Reads the CA anew; PEM, with one or more certificates. `cluster` needs an API client. */
export async function readClientCa(
  source: ClientCaSource,
  api: KubeApi | undefined,
  options: AbortOptions,
): Promise<string> {
  switch (source.kind) {
    case "file": {
      const text = await Deno.readTextFile(source.path)
        .catch((cause: unknown) => {
          throw new Error(`Cannot read the client CA "${source.path}"`, {
            cause,
          });
        });
      return requirePem(text, `"${source.path}"`);
    }
    case "cluster": {
      const found = await api?.get<ConfigMap>(configMap, options);
      return requirePem(
        found?.data?.["client-ca-file"] ?? "",
        'ConfigMap "kube-system/extension-apiserver-authentication"',
      );
    }
  }
}

function requirePem(text: string, place: string): string {
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw new Error(`Cannot use the client CA: ${place} has no certificate`);
}
