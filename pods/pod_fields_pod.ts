import type { FieldRule } from "../providers/pod_field.ts";

/** The rows of a pod itself: its metadata and its spec without containers and volumes. */
export const podRules: readonly FieldRule[] = [
  { field: "metadata.{name,namespace,uid}", support: "ok" },
  {
    field: "metadata.{labels,annotations}{}",
    support: "ok",
    note: "in the downward API, also as they change",
  },
  {
    field: "metadata.{deletionTimestamp,deletionGracePeriodSeconds}",
    support: "ok",
    note: "the pod ends within this time, and goes when all of it has ended",
  },
  {
    field: "metadata.generation",
    support: "ok",
    note: "becomes `observedGeneration` of the status",
  },
  {
    field: "metadata.{creationTimestamp,resourceVersion}",
    support: "ok",
  },
  {
    field: "metadata.{generateName,finalizers[],selfLink}",
    support: "elsewhere",
  },
  { field: "metadata.ownerReferences[].*", support: "elsewhere" },
  { field: "metadata.managedFields[].*", support: "elsewhere" },
  {
    field: "spec.restartPolicy",
    support: "ok",
    note: "with the kubelet's backoff, 10 s to 5 min",
  },
  {
    field: "spec.terminationGracePeriodSeconds",
    support: "ok",
    note: "measured from the agent",
  },
  { field: "spec.activeDeadlineSeconds", support: "ok" },
  { field: "spec.readinessGates[]", support: "ok" },
  { field: "spec.readinessGates[].conditionType", support: "ok" },
  { field: "spec.enableServiceLinks", support: "ok" },
  {
    field: "spec.{priority,priorityClassName}",
    support: "ok",
    note: "decides who goes first when the node runs short",
  },
  {
    field: "spec.nodeName",
    support: "ok",
  },
  {
    field: "spec.nodeSelector{}",
    support: "ok",
    note: "the scheduler's, and checked again as the pod arrives",
  },
  {
    field: "spec.affinity",
    support: "elsewhere",
  },
  {
    field: "spec.affinity.nodeAffinity",
    support: "ok",
    note: "what is required is checked again as the pod arrives",
  },
  {
    field:
      "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.*",
    support: "ok",
    note: "checked again as the pod arrives",
  },
  {
    field:
      "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[].*",
    support: "elsewhere",
  },
  {
    field: "spec.affinity.{podAffinity,podAntiAffinity}.*",
    support: "elsewhere",
  },
  {
    field: "spec.tolerations[].*",
    support: "ok",
    note: "the scheduler's, and checked again as the pod arrives",
  },
  { field: "spec.topologySpreadConstraints[].*", support: "elsewhere" },
  { field: "spec.schedulingGates[].*", support: "elsewhere" },
  { field: "spec.schedulingGroup.*", support: "elsewhere" },
  {
    field: "spec.{schedulerName,preemptionPolicy}",
    support: "elsewhere",
  },
  {
    field: "spec.evictionResponders[].*",
    support: "elsewhere",
    note: "who is asked before an eviction through the API",
  },
  {
    field:
      "spec.{serviceAccountName,serviceAccount,automountServiceAccountToken}",
    support: "ok",
    note: "the API server adds the volume, tokens are of this account",
  },
  {
    field: "spec.imagePullSecrets[].*",
    support: "ok",
    note: "given to the engine for one pull, never stored on the host",
  },
  {
    field: "spec.overhead{}",
    support: "ok",
    note: "counted among the pod's requests",
  },
  {
    field: "spec.resources",
    support: "ok",
  },
  {
    field: "spec.resources.requests{}",
    support: "ok",
    note: "counted in place of those of the containers",
  },
  {
    field: "spec.resources.limits{}",
    support: "depends",
    note:
      "limits each container that has none; refused where the containers could exceed it together",
  },
  {
    field: "spec.resources.claims[].*",
    support: "refused",
    note: "farlet has no dynamic resource allocation",
  },
  {
    field: "spec.resourceClaims[].*",
    support: "refused",
    note: "farlet has no dynamic resource allocation",
  },
  {
    field: "spec.os.name",
    support: "ok",
    note: "a pod for another system than the node's fails as it arrives",
  },
  { field: "spec.os", support: "ok" },
  {
    field: "spec.runtimeClassName",
    support: "ok",
    note: "handlers `runc` and `crun`; with others the pod waits",
  },
  { field: "spec.hostNetwork", support: "ok" },
  { field: "spec.{hostPID,hostIPC}", support: "ok" },
  { field: "spec.shareProcessNamespace", support: "ok" },
  {
    field: "spec.hostUsers",
    support: "ok",
  },
  { field: "spec.{hostname,subdomain}", support: "ok" },
  { field: "spec.setHostnameAsFQDN", support: "ok" },
  { field: "spec.hostnameOverride", support: "ok" },
  {
    field: "spec.hostAliases[].*",
    support: "ok",
    note: "in `/etc/hosts`, which is the pod's own",
  },
  {
    field: "spec.dnsPolicy",
    support: "ok",
    note:
      "where the node knows no cluster DNS, the host's is used and a warning says so",
  },
  { field: "spec.dnsConfig.*", support: "ok" },
  { field: "spec.securityContext", support: "ok" },
  {
    field: "spec.securityContext.{runAsUser,runAsGroup}",
    support: "ok",
  },
  { field: "spec.securityContext.runAsNonRoot", support: "ok" },
  {
    field: "spec.securityContext.fsGroup",
    support: "ok",
    note: "owns the files of the pod's volumes",
  },
  {
    field: "spec.securityContext.fsGroupChangePolicy",
    support: "ok",
    note: "without effect on volumes that are made for the pod",
  },
  { field: "spec.securityContext.supplementalGroups[]", support: "ok" },
  {
    field: "spec.securityContext.supplementalGroupsPolicy",
    support: "refused",
    unless: ["Merge"],
    note: "engines always give a user the groups that the image has for it",
  },
  {
    field: "spec.securityContext.sysctls[].{name,value}",
    support: "depends",
    note:
      "those that Kubernetes calls safe, and those of `allowedUnsafeSysctls`; others are refused",
  },
  { field: "spec.securityContext.sysctls[]", support: "ok" },
  {
    field: "spec.securityContext.seccompProfile.*",
    support: "ok",
    note: "profiles on the host are in `/var/lib/kubelet/seccomp`",
  },
  {
    field: "spec.securityContext.appArmorProfile.*",
    support: "ok",
    note: "a profile must be loaded on the host",
  },
  {
    field: "spec.securityContext.seLinuxOptions.*",
    support: "ok",
    note: "given to the engine; without effect on hosts without SELinux",
  },
  {
    field: "spec.securityContext.seLinuxChangePolicy",
    support: "ignored",
    unless: ["MountOption"],
    note: "volumes are never relabelled",
  },
  {
    field: "spec.securityContext.windowsOptions.*",
    support: "ignored",
    note: "the node runs no Windows containers",
  },
];
