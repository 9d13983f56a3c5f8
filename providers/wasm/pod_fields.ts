import type { FieldColumn, FieldSupport } from "../pod_field.ts";

const noNetwork: FieldSupport = {
  support: "refused",
  unless: [false],
  note: "WASI guests have no network of their own yet",
};
const noNamespaces: FieldSupport = {
  support: "refused",
  unless: [false],
  note: "WASI guests see no processes and share no namespaces",
};
const noCalls: FieldSupport = {
  support: "refused",
  note: "WASI guests make no system calls that a profile could allow",
};
const profiles: FieldSupport = {
  support: "depends",
  note: "`Localhost` is refused: WASI guests make no system calls",
};
const agentsUser: FieldSupport = {
  support: "depends",
  note: "refused unless it is the agent's: all WASI guests run as that",
};
const noConnection: FieldSupport = {
  support: "refused",
  note: "this provider cannot connect to containers",
};
const noImages: FieldSupport = {
  support: "refused",
  note: "this provider cannot mount images",
};
const alreadySo: FieldSupport = {
  support: "ok",
  note: "WASI guests have nothing of the kind in any case",
};
const probes = "container.{startupProbe,readinessProbe,livenessProbe}";
const hooks = "container.lifecycle.{postStart,preStop}";
const httpGet =
  "httpGet{,.path,.port,.scheme,.httpHeaders[],.httpHeaders[].name,.httpHeaders[].value}";

/** What WASI guests make of pod fields, where it is not what every node does. */
export const wasmFields: FieldColumn = {
  "spec.{hostNetwork,hostPID,hostIPC}": {
    support: "refused",
    unless: [false],
    note: "WASI guests have no network and no namespaces",
  },
  "spec.shareProcessNamespace": noNamespaces,
  "spec.hostAliases[].*": { ...noNetwork, unless: [] },
  "spec.dnsConfig.*": { ...noNetwork, unless: [] },
  "spec.dnsPolicy": {
    support: "ok",
    note: "without effect: WASI guests look up no names",
  },
  "spec.{hostname,subdomain}": {
    support: "emulated",
    note: "the hostname is in the variable HOSTNAME",
  },
  "spec.setHostnameAsFQDN": {
    support: "ignored",
    unless: [false],
    note: "WASI guests have no hostname but the variable HOSTNAME",
  },
  "spec.hostUsers": {
    support: "ignored",
    unless: [true],
    note: "all WASI guests run as the agent's user",
  },
  "spec.runtimeClassName": {
    support: "ignored",
    note: "every container is a WASI module, whatever its class",
  },
  "spec.imagePullSecrets[].*": {
    support: "ok",
    note: "for the pull alone; never stored",
  },
  "spec.resources.limits{}": {
    support: "depends",
    note: "only `memory`; other limits are refused",
  },
  "spec.securityContext.{runAsUser,runAsGroup}": agentsUser,
  "spec.securityContext.runAsNonRoot": {
    support: "depends",
    note: "refused where the agent is root",
  },
  "spec.securityContext.fsGroup": {
    support: "ok",
    note: "guests may write to their volumes without it",
  },
  "spec.securityContext.supplementalGroups[]": {
    support: "refused",
    note: "all WASI guests run as the agent's user",
  },
  "spec.securityContext.sysctls[]": {
    support: "refused",
    note: "WASI guests have no kernel",
  },
  "spec.securityContext.sysctls[].{name,value}": {
    support: "depends",
    note: "refused with the list",
  },
  "spec.securityContext.seccompProfile.*": profiles,
  "spec.securityContext.appArmorProfile.*": profiles,
  "spec.securityContext.seLinuxOptions.*": noCalls,
  "spec.securityContext.windowsOptions.*": noCalls,
  "spec.{containers,initContainers,ephemeralContainers}[]": {
    support: "ok",
    note: "no ephemeral containers: nothing can be run beside a WASI guest",
  },
  "container.image": {
    support: "ok",
    note:
      "an artifact, an image with a WASI program, `file:`, or one loaded with `farlet image load`",
  },
  "container.imagePullPolicy": {
    support: "ok",
    note: "without effect for `file:` and what was loaded from a file",
  },
  "container.workingDir": {
    support: "emulated",
    note: "in the variable PWD, where WASI's C library reads it",
  },
  "container.tty": {
    support: "refused",
    unless: [false],
    note: "WASI guests have no terminal",
  },
  "container.ports[].hostPort": { ...noNetwork, unless: [] },
  "container.ports[].hostIP": { support: "ok", note: "without effect" },
  "container.volumeMounts[].mountPropagation": {
    support: "refused",
    unless: ["None"],
    note: "WASI guests cannot mount anything",
  },
  "container.volumeMounts[].recursiveReadOnly": alreadySo,
  "container.resources.limits{}": {
    support: "depends",
    note: "only `memory` and `ephemeral-storage`; other limits are refused",
  },
  "container.resizePolicy[]{,.resourceName,.restartPolicy}": {
    support: "ok",
    note: "limits of containers that run cannot be changed yet",
  },
  "container.securityContext.{runAsUser,runAsGroup}": agentsUser,
  "container.securityContext.runAsNonRoot": {
    support: "depends",
    note: "refused where the agent is root",
  },
  "container.securityContext.privileged": {
    support: "refused",
    unless: [false],
    note: "WASI guests have no privileges to raise",
  },
  "container.securityContext.allowPrivilegeEscalation": alreadySo,
  "container.securityContext.readOnlyRootFilesystem": alreadySo,
  "container.securityContext.capabilities{,.drop[]}": alreadySo,
  "container.securityContext.capabilities.add[]": {
    support: "refused",
    note: "WASI guests have no capabilities",
  },
  "container.securityContext.procMount": {
    support: "refused",
    unless: ["Default"],
    note: "WASI guests have no /proc",
  },
  "container.securityContext.seccompProfile.*": profiles,
  "container.securityContext.appArmorProfile.*": profiles,
  "container.securityContext.seLinuxOptions.*": noCalls,
  "container.securityContext.windowsOptions.*": noCalls,
  [`${probes}.exec{,.command[]}`]: {
    support: "ok",
    note: "the command names an export of the module, or its arguments",
  },
  [`${probes}.${httpGet}`]: noConnection,
  [`${probes}.{httpGet,tcpSocket}.host`]: noConnection,
  [`${probes}.httpGet.protocol`]: noConnection,
  [`${probes}.grpc.mode`]: noConnection,
  [`${hooks}.httpGet.protocol`]: noConnection,
  [`${probes}.tcpSocket{,.port}`]: noConnection,
  [`${probes}.grpc{,.port,.service}`]: noConnection,
  [`${hooks}.${httpGet}`]: noConnection,
  [`${hooks}.httpGet.host`]: noConnection,
  "container.lifecycle.stopSignal": {
    support: "refused",
    note: "WASI guests get no signals",
  },
  "spec.volumes[].emptyDir.medium": {
    support: "refused",
    unless: [""],
    note: "volumes of this node are on its disk",
  },
  "spec.volumes[].image.*": noImages,
  "spec.volumes[].hostPath.type": {
    support: "depends",
    note: "directories and regular files; other types are refused",
  },
};
