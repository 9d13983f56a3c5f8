import type { FieldRule } from "../providers/pod_field.ts";

const sources = "spec.volumes[].projected.sources[]";
const perUser = "farlet does not give single files a user yet";

/** The rows of volumes. */
export const volumeRules: readonly FieldRule[] = [
  { field: "spec.volumes[]{,.name}", support: "ok" },
  { field: "spec.volumes[].emptyDir", support: "ok" },
  {
    field: "spec.volumes[].emptyDir.medium",
    support: "depends",
    note: "`Memory` where farlet is root on the host; no huge pages",
  },
  {
    field: "spec.volumes[].emptyDir.sizeLimit",
    support: "ok",
    note: "a pod that exceeds it is evicted",
  },
  {
    field: "spec.volumes[].emptyDir.mode",
    support: "refused",
    note: "farlet does not support this yet",
  },
  {
    field:
      "spec.volumes[].configMap{,.name,.optional,.defaultMode,.items[],.items[].key,.items[].path,.items[].mode}",
    support: "ok",
    note: "kept up to date, unless it is immutable",
  },
  {
    field:
      "spec.volumes[].secret{,.secretName,.optional,.defaultMode,.items[],.items[].key,.items[].path,.items[].mode}",
    support: "ok",
    note: "kept up to date, and in memory where farlet is root on the host",
  },
  {
    field:
      "spec.volumes[].downwardAPI{,.defaultMode,.items[],.items[].path,.items[].mode,.items[].fieldRef,.items[].fieldRef.apiVersion,.items[].fieldRef.fieldPath,.items[].resourceFieldRef,.items[].resourceFieldRef.containerName,.items[].resourceFieldRef.divisor,.items[].resourceFieldRef.resource}",
    support: "ok",
    note: "kept up to date",
  },
  {
    field: "spec.volumes[].projected{,.defaultMode,.sources[]}",
    support: "ok",
    note: "kept up to date",
  },
  {
    field:
      `${sources}.{configMap,secret}{,.name,.optional,.items[],.items[].key,.items[].path,.items[].mode}`,
    support: "ok",
  },
  {
    field:
      `${sources}.downwardAPI{,.items[],.items[].path,.items[].mode,.items[].fieldRef,.items[].fieldRef.apiVersion,.items[].fieldRef.fieldPath,.items[].resourceFieldRef,.items[].resourceFieldRef.containerName,.items[].resourceFieldRef.divisor,.items[].resourceFieldRef.resource}`,
    support: "ok",
  },
  {
    field:
      `${sources}.serviceAccountToken{,.audience,.expirationSeconds,.path}`,
    support: "ok",
    note: "renewed after 80 % of its time",
  },
  {
    field: `${sources}.serviceAccountToken.user`,
    support: "refused",
    note: perUser,
  },
  {
    field:
      "spec.volumes[].{configMap,secret,downwardAPI,projected}.defaultUser",
    support: "refused",
    note: perUser,
  },
  {
    field: "spec.volumes[].{configMap,secret,downwardAPI}.items[].user",
    support: "refused",
    note: perUser,
  },
  {
    field: `${sources}.{configMap,secret,downwardAPI}.items[].user`,
    support: "refused",
    note: perUser,
  },
  {
    field: `${sources}.{clusterTrustBundle,podCertificate}.*`,
    support: "refused",
    note: "farlet does not support this yet",
  },
  {
    field: "spec.volumes[].hostPath{,.path}",
    support: "ok",
    note: "a path of the host",
  },
  { field: "spec.volumes[].hostPath.type", support: "ok" },
  {
    field: "spec.volumes[].image.*",
    support: "ok",
    note: "read-only",
  },
  {
    field: "spec.volumes[].{persistentVolumeClaim,ephemeral,csi}.*",
    support: "refused",
    note: "farlet has no persistent volumes; use hostPath or emptyDir",
  },
  {
    field: "spec.volumes[].{nfs,iscsi,fc,flexVolume}.*",
    support: "refused",
    note: "farlet mounts no storage of the network; use hostPath",
  },
  {
    field:
      "spec.volumes[].{awsElasticBlockStore,azureDisk,azureFile,cinder,gcePersistentDisk,portworxVolume,vsphereVolume}.*",
    support: "refused",
    note: "farlet attaches no disks",
  },
  {
    field:
      "spec.volumes[].{cephfs,flocker,gitRepo,glusterfs,photonPersistentDisk,quobyte,rbd,scaleIO,storageos}.*",
    support: "refused",
    note: "no kubelet has this kind of volume any more",
  },
];
