import type { FieldColumn, FieldSupport } from "../pod_field.ts";

/** A simulated node says that it does what it cannot. */
const simulated: FieldSupport = { support: "emulated" };
const containersOnly: FieldSupport = {
  support: "refused",
  note: "this provider connects to containers only",
};

const alone = [
  ...[
    "spec.hostNetwork",
    "spec.{hostPID,hostIPC}",
    "spec.shareProcessNamespace",
  ],
  ...["spec.hostUsers", "spec.hostAliases[].*", "spec.dnsPolicy"],
  ...["spec.dnsConfig.*", "spec.{hostname,subdomain}"],
  ...["spec.setHostnameAsFQDN", "spec.runtimeClassName"],
  ...["spec.imagePullSecrets[].*"],
  ...["spec.securityContext.{runAsUser,runAsGroup}"],
  ...["spec.securityContext.fsGroup"],
  ...["spec.securityContext.supplementalGroups[]"],
  ...["spec.securityContext.seccompProfile.*"],
  ...["spec.securityContext.appArmorProfile.*"],
  ...["spec.securityContext.seLinuxOptions.*"],
  ...["container.image", "container.workingDir", "container.tty"],
  ...["container.ports[].hostPort", "container.ports[].hostIP"],
  ...["container.volumeMounts[].mountPropagation"],
  ...["container.volumeMounts[].recursiveReadOnly"],
  ...["container.securityContext.{runAsUser,runAsGroup}"],
  ...["container.securityContext.privileged"],
  ...["container.securityContext.allowPrivilegeEscalation"],
  ...["container.securityContext.readOnlyRootFilesystem"],
  ...["container.securityContext.capabilities{,.drop[]}"],
  ...["container.securityContext.capabilities.add[]"],
  ...["container.securityContext.procMount"],
  ...["container.securityContext.seccompProfile.*"],
  ...["container.securityContext.appArmorProfile.*"],
  ...["container.securityContext.seLinuxOptions.*"],
  ...["container.lifecycle.stopSignal"],
  ...["container.resources.requests{}", "container.resources.limits{}"],
  ...["spec.volumes[].emptyDir.medium", "spec.volumes[].hostPath{,.path}"],
  ...["spec.volumes[].hostPath.type"],
  ...["container.resizePolicy[]{,.resourceName,.restartPolicy}"],
];

/** What a simulated node makes of pod fields, where it is not what every node does. */
export const memoryFields: FieldColumn = {
  ...Object.fromEntries(alone.map((field) => [field, simulated])),
  "container.{startupProbe,readinessProbe,livenessProbe}.{httpGet,tcpSocket}.host":
    containersOnly,
  "container.lifecycle.{postStart,preStop}.httpGet.host": containersOnly,
  "spec.volumes[].image.*": {
    support: "refused",
    note: "this provider cannot mount images",
  },
};
