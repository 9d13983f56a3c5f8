import assert from "node:assert/strict";
import { agentConfigSchema, configHeader } from "./config_schema.ts";
import { defaultEviction } from "./pods/eviction_thresholds.ts";
import { agentFlags, kubeletConfiguration } from "./kubelet_configuration.ts";

/** What a configuration says of the kubelet, with every default filled in. */
function kubeletConfig(kubelet: Readonly<Record<string, unknown>> = {}) {
  const schema = agentConfigSchema({ baseDir: "/etc", defaultStateDir: "/s" });
  return schema.parse({ ...configHeader, kubelet, nodes: [{ name: "n1" }] })
    .kubelet;
}

Deno.test("kubeletConfiguration() speaks as a KubeletConfiguration", () => {
  const config = kubeletConfig({
    ...{ port: 1234, tlsCertFile: "c", tlsKeyFile: "k", clientCaFile: "ca" },
  });
  const taints = [{ key: "a", value: "b", effect: "NoSchedule" }];
  assert.deepEqual(
    kubeletConfiguration(config, {
      taints,
      systemReserved: { cpu: "500m" },
      eviction: defaultEviction,
      allowedUnsafeSysctls: ["kernel.msg*"],
      shutdown: { groups: [{ priority: 0, graceMs: 30_000 }] },
    }),
    {
      kind: "KubeletConfiguration",
      apiVersion: "kubelet.config.k8s.io/v1beta1",
      enableServer: true,
      address: "0.0.0.0",
      port: 1234,
      tlsCertFile: "/etc/c",
      tlsPrivateKeyFile: "/etc/k",
      serverTLSBootstrap: true,
      authentication: {
        x509: { clientCAFile: "/etc/ca" },
        webhook: { enabled: true, cacheTTL: "2m0s" },
        anonymous: { enabled: false },
      },
      authorization: {
        mode: "Webhook",
        webhook: { cacheAuthorizedTTL: "5m0s", cacheUnauthorizedTTL: "30s" },
      },
      streamingConnectionIdleTimeout: "4h0m0s",
      systemReserved: { cpu: "500m" },
      evictionHard: {
        "memory.available": "100Mi",
        "nodefs.available": "10%",
        "nodefs.inodesFree": "5%",
        "imagefs.available": "15%",
        "imagefs.inodesFree": "5%",
      },
      evictionSoft: {},
      evictionSoftGracePeriod: {},
      evictionMinimumReclaim: {},
      evictionPressureTransitionPeriod: "5m0s",
      evictionMaxPodGracePeriod: 0,
      shutdownGracePeriodByPodPriority: [
        { priority: 0, shutdownGracePeriodSeconds: 30 },
      ],
      allowedUnsafeSysctls: ["kernel.msg*"],
      registerNode: true,
      registerWithTaints: taints,
    },
  );
});

Deno.test("agentFlags() are those that would make the agent", () => {
  const flags = agentFlags({
    ...{ name: "n1", ip: "192.0.2.1", stateDir: "/s", taints: [] },
    kubelet: kubeletConfig({ clientCaFile: "/ca", serverTLSBootstrap: false }),
    provider: { name: "wasm" },
  });
  assert.deepEqual(flags, {
    "client-verify-ca": "/ca",
    "kubelet-port": "10250",
    "no-server-tls-bootstrap": "true",
    "no-taint": "true",
    "node-ip": "192.0.2.1",
    "node-name": "n1",
    "provider": "wasm",
    "state-dir": "/s",
  });
});
