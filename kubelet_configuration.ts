import { evictionConfiguration } from "./config_eviction.ts";
import { shutdownConfiguration } from "./config_shutdown.ts";
import type { KubeletConfig } from "./config_schema.ts";
import { formatDuration } from "./k8s/duration.ts";
import type { Taint } from "./k8s/types.ts";
import type { EvictionSettings } from "./pods/eviction_thresholds.ts";
import type { ShutdownSettings } from "./pods/shutdown_steps.ts";
import type { Provider } from "./providers/provider.ts";
import type { SystemReserved } from "./reserved_resources.ts";

/** What `/configz` shows: the `KubeletConfiguration` that would make a kubelet serve as we do. */
export function kubeletConfiguration(
  config: KubeletConfig,
  {
    taints,
    systemReserved = {},
    eviction,
    shutdown,
    allowedUnsafeSysctls = [],
  }: {
    readonly taints: readonly Taint[];
    readonly systemReserved?: SystemReserved;
    readonly eviction: EvictionSettings;
    readonly shutdown?: ShutdownSettings | undefined;
    readonly allowedUnsafeSysctls?: readonly string[];
  },
): Readonly<Record<string, unknown>> {
  const { address, port, tlsCertFile, tlsKeyFile, clientCaFile } = config;
  const { authentication, authorization } = config;
  return {
    kind: "KubeletConfiguration",
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    enableServer: true,
    address,
    port,
    ...(tlsCertFile !== undefined && { tlsCertFile }),
    ...(tlsKeyFile !== undefined && { tlsPrivateKeyFile: tlsKeyFile }),
    serverTLSBootstrap: config.serverTLSBootstrap,
    authentication: {
      x509: clientCaFile === undefined ? {} : { clientCAFile: clientCaFile },
      webhook: {
        enabled: true,
        cacheTTL: formatDuration(authentication.webhook.cacheTTL),
      },
      anonymous: { enabled: authentication.anonymous.enabled },
    },
    authorization: {
      mode: "Webhook",
      webhook: {
        cacheAuthorizedTTL: formatDuration(
          authorization.webhook.cacheAuthorizedTTL,
        ),
        cacheUnauthorizedTTL: formatDuration(
          authorization.webhook.cacheUnauthorizedTTL,
        ),
      },
    },
    streamingConnectionIdleTimeout: formatDuration(
      config.streamingConnectionIdleTimeout,
    ),
    systemReserved,
    ...evictionConfiguration(eviction),
    ...shutdownConfiguration(shutdown),
    allowedUnsafeSysctls,
    registerNode: true,
    registerWithTaints: taints,
  };
}

/** What `/flagz` shows: the flags of `farlet serve` that would make this agent. */
export function agentFlags(
  { name, provider, ip, stateDir, taints, kubelet }: {
    readonly name: string;
    readonly provider: Pick<Provider, "name">;
    readonly ip?: string;
    readonly taints: readonly Taint[];
    readonly kubelet: KubeletConfig;
    readonly stateDir: string;
  },
): Readonly<Record<string, string>> {
  return {
    "kubelet-port": String(kubelet.port),
    "node-name": name,
    "no-server-tls-bootstrap": String(!kubelet.serverTLSBootstrap),
    "no-taint": String(taints.length === 0),
    "provider": provider.name,
    "state-dir": stateDir,
    ...(ip !== undefined && { "node-ip": ip }),
    ...(kubelet.clientCaFile !== undefined && {
      "client-verify-ca": kubelet.clientCaFile,
    }),
  };
}
