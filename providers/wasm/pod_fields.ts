import type { FieldColumn, FieldSupport } from "../pod_field.ts";

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
const notRoot: FieldSupport = {
  support: "depends",
  note: "refused where the agent is root without the right to be others",
};
const chosenUser: FieldSupport = {
  support: "depends",
  note: "where the agent is root on Linux; else only the agent's own",
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

/** What WASI guests make of pod fields, where it is not what every node does. */
export const wasmFields: FieldColumn = {
  "spec.hostNetwork": {
    support: "ok",
    note: "container ports are ports of the node's addresses",
  },
  "spec.{hostPID,hostIPC}": noNamespaces,
  "spec.shareProcessNamespace": noNamespaces,
  "spec.hostAliases[].*": {
    support: "ok",
    note: "for names that the annotation farlet.dev/allowed-hosts allows",
  },
  "spec.dnsConfig.*": { support: "ok", note: "of the options only `ndots`" },
  "spec.dnsPolicy": {
    support: "ok",
    note: "for names that the annotation farlet.dev/allowed-hosts allows",
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
    note: "WASI guests see no users",
  },
  "spec.runtimeClassName": {
    support: "ok",
    note:
      "handlers `farlet`, `wasm`, `wasmtime`, `wasmedge` and `wasmer`; with others the pod waits",
  },
  "spec.imagePullSecrets[].*": {
    support: "ok",
    note: "for the pull alone; never stored",
  },
  "spec.resources.limits{}": {
    support: "depends",
    note: "only `memory` for a whole pod; other limits are refused",
  },
  "spec.securityContext.{runAsUser,runAsGroup}": chosenUser,
  "spec.securityContext.runAsNonRoot": notRoot,
  "spec.securityContext.fsGroup": {
    support: "ok",
    note: "of no effect where the agent is not root: volumes are its own",
  },
  "spec.securityContext.supplementalGroups[]": {
    support: "depends",
    note: "where the agent is root on Linux",
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
  "spec.ephemeralContainers[].targetContainerName": {
    support: "ignored",
    note: "WASI guests see no processes",
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
    support: "emulated",
    note:
      "the guest is told that there is a terminal; lines are edited and echoed for it, and it knows no sizes",
  },
  "container.ports[].hostPort": {
    support: "ok",
    note: "the guest listens on it itself; UDP and SCTP are refused",
  },
  "container.volumeMounts[].mountPropagation": {
    support: "refused",
    unless: ["None"],
    note: "WASI guests cannot mount anything",
  },
  "container.volumeMounts[].recursiveReadOnly": alreadySo,
  "container.resources.limits{}": {
    support: "depends",
    note:
      "`cpu` (on Linux), `memory` and `ephemeral-storage`; others are refused",
  },
  "container.resizePolicy[]{,.resourceName,.restartPolicy}": {
    support: "ok",
    note: "without effect: the API server resizes no pods of WASI nodes",
  },
  "container.securityContext.{runAsUser,runAsGroup}": chosenUser,
  "container.securityContext.runAsNonRoot": notRoot,
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
  "container.lifecycle.stopSignal": {
    support: "refused",
    note: "WASI guests get no signals",
  },
  "spec.volumes[].emptyDir.medium": {
    support: "depends",
    note: "`Memory` where the agent is root on Linux; no huge pages",
  },
  "spec.volumes[].image.*": noImages,
  "spec.volumes[].hostPath.type": {
    support: "depends",
    note: "directories and regular files; other types are refused",
  },
};
