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

# Every node is one of the cluster, with a kubelet API on a port of its own.
nodes:
  - provider: wasm  # wasm; ssh, as below; memory: pretends to run pods, for trials
    # Default: the host name.
    # name: edge-1
    # Where the API server reaches this agent. Default: found out.
    # ip: 10.0.0.5
    labels: {}
      # example.com/zone: shed
    # As key=value:Effect or as { key, value, effect }; [] for none.
    taints:
      - virtual-kubelet.io/provider=wasm:NoSchedule
    # Default: the port above, and one more for each node after the first.
    # kubeletPort: 10251
    # Default: as many as the provider says.
    # maxPods: 110
    # What the machine needs for itself: pods get the rest of it, as with a
    # kubelet also without what is left when they are evicted at once.
    # systemReserved: { cpu: 250m, memory: 512Mi, ephemeral-storage: 1Gi }
    # Pods are evicted while less than this is left, as by a kubelet; {} for
    # never. Signals: memory.available, nodefs.available, nodefs.inodesFree,
    # imagefs.available, imagefs.inodesFree, pid.available. The defaults are
    # those of a kubelet; what is given replaces all of them.
    # eviction:
    #   hard: { memory.available: 100Mi, nodefs.available: "10%" }
    #   soft: { memory.available: 300Mi }
    #   softGracePeriod: { memory.available: 1m30s }
    #   minimumReclaim: { nodefs.available: 1Gi }
    #   pressureTransitionPeriod: 5m0s
    #   maxPodGracePeriodSeconds: 0   # for pods that a soft threshold evicts
    # How long pods have to end when the machine shuts down, as by a kubelet;
    # none by default. Critical pods end last, and have this part of it. On a
    # host over SSH it needs systemd-logind, which must wait as long
    # (InhibitDelayMaxSec in logind.conf; 5s by default).
    shutdownGracePeriod: 0s
    shutdownGracePeriodCriticalPods: 0s
    # In place of both:
    # shutdownGracePeriodByPodPriority:
    #   - { priority: 0, shutdownGracePeriodSeconds: 20 }
    #   - { priority: 100000, shutdownGracePeriodSeconds: 10 }
    # Kernel parameters that pods may set besides the safe ones; namespaced
    # ones, and * ends a pattern.
    allowedUnsafeSysctls: []
      # - net.core.somaxconn
      # - kernel.msg*
    # Name servers of pods that ask for those of the cluster; without any they
    # get the host's.
    clusterDNS: []
    clusterDomain: cluster.local
    wasm:
      # Directories whose modules pods may name as images: file:///srv/modules/a.wasm
      allowLocalModules: []
      # Registries, such as registry.lan:5000, that may do without TLS.
      insecureRegistries: []
      # The addresses that pods get, one each. Default: for root on Linux a range
      # out of 198.18.0.0/15 that no other agent here has, which this machine then
      # answers for (ip route add local ... dev lo); else loopback addresses, which
      # Services refuse.
      # podCIDR: 10.88.0.0/16
      # The users and groups that pods become, one each, where farlet is root on
      # Linux. Agents on one machine need different ones.
      # userIDs: 65536-131071
      # v8, which is farlet's own; or wasmtime, with that on the PATH or the one of
      # a field "wasmtime: /usr/local/bin/wasmtime".
      engine: v8
  # Hosts reached over SSH: containers run in their Docker or Podman.
  # - provider: ssh
  #   ssh:
  #     host: 10.0.0.11  # also the node's name, unless "name" says otherwise
  #     port: 22
  #     user: pi
  #     # Default: the keys of ssh, and those of SSH_AUTH_SOCK.
  #     identityFile: /etc/farlet/id_ed25519
  #     passphraseFile: /etc/farlet/id_ed25519.passphrase
  #     # Default: ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts. A host whose
  #     # key is not there is refused ("farlet join" asks).
  #     knownHostsFile: /etc/farlet/known_hosts
  #     jump: ssh://admin@bastion.example.com
  # - name: pi-12
  #   provider: ssh
  #   ssh:
  #     host: pi-12
  #     configFile: /root/.ssh/config  # where pi-12 is an alias
  #     passwordFile: /etc/farlet/pi-12.password
  #     engineSocket: /run/user/1000/podman/podman.sock  # default: found
  #     rootDir: /mnt/data/farlet      # default: /var/lib/farlet, or below ~
  #     # auto, apiserver or none: whether pods reach the API server through
  #     # farlet's own connection; auto: where the host cannot reach it itself.
  #     tunnel: auto
`;
