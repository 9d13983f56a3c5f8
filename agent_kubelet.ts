import type { AbortOptions } from "./async/abort.ts";
import type { KubeletConfig } from "./config_schema.ts";
import type { KubeClient } from "./k8s/client.ts";
import { CertificateFiles } from "./kubelet/certificate_files.ts";
import type { CertificateSource } from "./kubelet/certificate_source.ts";
import type { KubeletContext } from "./kubelet/context.ts";
import { type KubeletServer, startKubeletServer } from "./kubelet/server.ts";
import { RequestedCertificate } from "./kubelet/serving_csr.ts";

interface KubeletParts {
  readonly client: KubeClient;
  readonly kubelet: KubeletConfig;
  /** For certificates. */
  readonly stateDir: string;
}

/** The operator's certificate, else one of the cluster, self-signed until it has signed it. */
export async function servingCertificates(
  { nodeName, ip, kubelet, client, stateDir }:
    & KubeletParts
    & { readonly nodeName: string; readonly ip: string },
): Promise<CertificateSource> {
  const { tlsCertFile, tlsKeyFile, serverTLSBootstrap } = kubelet;
  if (tlsCertFile !== undefined && tlsKeyFile !== undefined) {
    return await CertificateFiles.open({
      certificateFile: tlsCertFile,
      privateKeyFile: tlsKeyFile,
    });
  }
  return await RequestedCertificate.open({
    stateDirectory: stateDir,
    nodeName,
    addresses: [ip],
    ...(serverTLSBootstrap && { api: client }),
  });
}

/** The kubelet API as the configuration says. */
export async function serveKubelet(
  context: KubeletContext,
  { kubelet, stateDir, certificates, client, signal }:
    & KubeletParts
    & AbortOptions
    & { readonly certificates: CertificateSource },
): Promise<KubeletServer> {
  const { address, port, clientCaFile, authentication, authorization } =
    kubelet;
  return await startKubeletServer(context, {
    hostname: address,
    port,
    certificate: certificates.initial,
    renewals: certificates.run.bind(certificates),
    access: {
      anonymous: authentication.anonymous.enabled,
      tokenLifetimeMs: authentication.webhook.cacheTTL,
      allowedLifetimeMs: authorization.webhook.cacheAuthorizedTTL,
      deniedLifetimeMs: authorization.webhook.cacheUnauthorizedTTL,
    },
    streamingIdleMs: kubelet.streamingConnectionIdleTimeout,
    clientCa: clientCaFile === undefined
      ? { kind: "cluster" }
      : { kind: "file", path: clientCaFile },
    client,
    stateDirectory: stateDir,
    signal,
  });
}
