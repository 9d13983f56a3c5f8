/** A configuration with every field: the defaults, and the others commented out. */
export const defaultConfig =
  `# farlet serve --config agent.yaml. Every field may be left out; these are the
# defaults. Relative paths are relative to this file. Flags and environment
# variables beat what stands here ("farlet serve --help").
apiVersion: farlet.dev/v1alpha1
kind: AgentConfiguration

# How to reach the cluster. Default: KUBECONFIG, ~/.kube/config, or the service
# account of the pod that farlet runs in.
# kubeconfig: /etc/farlet/kubeconfig

# Pods, logs and modules. Default: /var/lib/farlet for root, else
# $XDG_STATE_HOME/farlet or ~/.local/state/farlet.
# stateDir: /var/lib/farlet

logLevel: info   # debug, info, warning, error
logFormat: text  # text, json

# The API that "kubectl logs" reaches through the API server.
kubelet:
  address: 0.0.0.0
  port: 10250  # 0 takes any free port
  # Ask the cluster for a serving certificate (a CertificateSigningRequest of the
  # signer kubernetes.io/kubelet-serving) and show a self-signed one until
  # somebody has approved it: "kubectl certificate approve". Kept in stateDir.
  serverTLSBootstrap: true
  # Files of your own instead; read again when they change.
  # tlsCertFile: /etc/farlet/tls.crt
  # tlsKeyFile: /etc/farlet/tls.key
  # Who signs client certificates. Default: what the cluster publishes in the
  # ConfigMap kube-system/extension-apiserver-authentication.
  # clientCaFile: /etc/farlet/client-ca.crt
  authentication:
    # Whether clients without credentials are system:anonymous, about whom RBAC
    # decides, instead of being refused.
    anonymous: { enabled: false }
    # For how long the cluster's answer about a token is good; 0s asks each time.
    webhook: { cacheTTL: 2m0s }
  authorization:
    # For how long the cluster's yes and no to a request are good.
    webhook: { cacheAuthorizedTTL: 5m0s, cacheUnauthorizedTTL: 30s }
  # When an exec, attach or port-forward ends over which nothing comes.
  streamingConnectionIdleTimeout: 4h0m0s

# One node per agent for now.
nodes:
  - provider: wasm  # wasm, or memory: pretends to run pods, for trials
    # Default: the host name.
    # name: edge-1
    # Where the API server reaches this agent. Default: found out.
    # ip: 10.0.0.5
    labels: {}
      # example.com/zone: shed
    # As key=value:Effect or as { key, value, effect }; [] for none.
    taints:
      - virtual-kubelet.io/provider=wasm:NoSchedule
    # Default: as many as the provider says.
    # maxPods: 110
    wasm:
      # Directories whose modules pods may name as images: file:///srv/modules/a.wasm
      allowLocalModules: []
`;
