/** A systemd unit for `farlet serve` that runs as a user of its own and sees no one's files. */
export const systemdUnit =
  `# /etc/systemd/system/farlet.service, for the binary at /usr/local/bin/farlet,
# /etc/farlet/agent.yaml (readable by all; it holds no secrets) and
# /etc/farlet/kubeconfig (mode 0600, root; certificates and tokens inline).
# Modules come from the directories that agent.yaml allows: the store below
# StateDirectory belongs to a user that exists only while the service runs.
[Unit]
Description=farlet, a Kubernetes node made of WASI modules
After=network-online.target
Wants=network-online.target

[Service]
ExecStart=/usr/local/bin/farlet serve --config /etc/farlet/agent.yaml
LoadCredential=kubeconfig:/etc/farlet/kubeconfig
Environment=KUBECONFIG=%d/kubeconfig FARLET_STATE_DIR=/var/lib/farlet
Restart=always
RestartSec=2
# Wrong configuration: restarting would not help.
RestartPreventExitStatus=2
# The agent stops its guests itself; what is left after that is killed.
KillMode=mixed
TimeoutStopSec=45
OOMPolicy=continue

DynamicUser=yes
StateDirectory=farlet
StateDirectoryMode=0700
UMask=0077
CapabilityBoundingSet=
NoNewPrivileges=yes
LockPersonality=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
# No MemoryDenyWriteExecute: WebAssembly is compiled to machine code.

[Install]
WantedBy=multi-user.target
`;
