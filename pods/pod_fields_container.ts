import type { FieldRule } from "../providers/pod_field.ts";

/** The rows of containers, but for probes and hooks. They hold for all three lists of a pod. */
export const containerRules: readonly FieldRule[] = [
  {
    field: "spec.{containers,initContainers,ephemeralContainers}[]",
    support: "ok",
  },
  { field: "container.name", support: "ok" },
  { field: "spec.ephemeralContainers[].targetContainerName", support: "ok" },
  { field: "container.image", support: "ok" },
  { field: "container.imagePullPolicy", support: "ok" },
  {
    field: "container.{command,args}[]",
    support: "ok",
    note: "with `$(NAME)` expanded",
  },
  { field: "container.workingDir", support: "ok" },
  { field: "container.{stdin,stdinOnce}", support: "ok" },
  { field: "container.tty", support: "ok" },
  {
    field: "container.restartPolicy",
    support: "ok",
    note: "`Always` makes an init container a sidecar",
  },
  { field: "container.restartPolicyRules[]", support: "ok" },
  {
    field: "container.restartPolicyRules[].action",
    support: "ok",
  },
  {
    field: "container.restartPolicyRules[].exitCodes{,.operator,.values[]}",
    support: "ok",
  },
  {
    field: "container.terminationMessagePath",
    support: "ok",
    note: "at most 4 KiB of a container, 12 KiB of a pod",
  },
  { field: "container.terminationMessagePolicy", support: "ok" },
  {
    field: "container.ports[]{,.containerPort,.name,.protocol}",
    support: "ok",
  },
  {
    field: "container.ports[].hostPort",
    support: "ok",
    note: "the engine forwards it",
  },
  { field: "container.ports[].hostIP", support: "ok" },
  { field: "container.env[]{,.name,.value,.valueFrom}", support: "ok" },
  {
    field:
      "container.env[].valueFrom.{configMapKeyRef,secretKeyRef}{,.name,.key,.optional}",
    support: "ok",
  },
  {
    field: "container.env[].valueFrom.fieldRef{,.apiVersion,.fieldPath}",
    support: "ok",
  },
  {
    field:
      "container.env[].valueFrom.resourceFieldRef{,.containerName,.divisor,.resource}",
    support: "ok",
    note: "without a limit: what the node has",
  },
  {
    field:
      "container.env[].valueFrom.fileKeyRef{,.volumeName,.path,.key,.optional}",
    support: "ok",
    note: "read as the container starts; at most 1 MiB",
  },
  {
    field:
      "container.envFrom[]{,.prefix,.configMapRef,.configMapRef.name,.configMapRef.optional,.secretRef,.secretRef.name,.secretRef.optional}",
    support: "ok",
  },
  {
    field: "container.volumeMounts[]{,.name,.mountPath,.readOnly}",
    support: "ok",
  },
  { field: "container.volumeMounts[].{subPath,subPathExpr}", support: "ok" },
  {
    field: "container.volumeMounts[].mountPropagation",
    support: "ok",
  },
  {
    field: "container.volumeMounts[].recursiveReadOnly",
    support: "ok",
  },
  {
    field: "container.volumeMounts[].bindMountOptions[]",
    support: "refused",
    note: "farlet does not support this yet",
  },
  {
    field: "container.volumeDevices[].*",
    support: "refused",
    note: "farlet has no block devices for pods",
  },
  { field: "container.resources", support: "ok" },
  {
    field: "container.resources.requests{}",
    support: "depends",
    note:
      "`cpu`, `memory` and `ephemeral-storage`; other resources are refused",
  },
  {
    field: "container.resources.limits{}",
    support: "depends",
    note:
      "`cpu`, `memory` and `ephemeral-storage`; other resources are refused",
  },
  {
    field: "container.resources.claims[].*",
    support: "refused",
    note: "farlet has no dynamic resource allocation",
  },
  {
    field: "container.resizePolicy[]{,.resourceName,.restartPolicy}",
    support: "ok",
  },
  { field: "container.securityContext", support: "ok" },
  {
    field: "container.securityContext.{runAsUser,runAsGroup}",
    support: "ok",
  },
  {
    field: "container.securityContext.runAsNonRoot",
    support: "ok",
    note: "checked against the image's user before it starts",
  },
  { field: "container.securityContext.privileged", support: "ok" },
  {
    field: "container.securityContext.allowPrivilegeEscalation",
    support: "ok",
  },
  {
    field: "container.securityContext.readOnlyRootFilesystem",
    support: "ok",
  },
  {
    field: "container.securityContext.capabilities{,.drop[]}",
    support: "ok",
  },
  { field: "container.securityContext.capabilities.add[]", support: "ok" },
  { field: "container.securityContext.procMount", support: "ok" },
  { field: "container.securityContext.seccompProfile.*", support: "ok" },
  { field: "container.securityContext.appArmorProfile.*", support: "ok" },
  {
    field: "container.securityContext.seLinuxOptions.*",
    support: "ok",
    note: "given to the engine; without effect on hosts without SELinux",
  },
  {
    field: "container.securityContext.windowsOptions.*",
    support: "ignored",
    note: "the node runs no Windows containers",
  },
];
