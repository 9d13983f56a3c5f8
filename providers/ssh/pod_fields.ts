import type { FieldColumn } from "../pod_field.ts";

/** What Docker and Podman on a host make of pod fields, where it is not what every node does. */
export const sshFields: FieldColumn = {
  "spec.hostUsers": {
    support: "refused",
    unless: [true],
    note: "the engine maps the users of all containers in the same way",
  },
  "spec.os.name": {
    support: "refused",
    unless: ["linux"],
    note: "the host runs Linux",
  },
  "container.ports[].hostPort": {
    support: "depends",
    note: "refused below 1024 where the engine is rootless",
  },
  "container.volumeMounts[].mountPropagation": {
    support: "depends",
    note: "`Bidirectional` in privileged containers, where the engine has root",
  },
  "container.volumeMounts[].recursiveReadOnly": {
    support: "refused",
    unless: ["Disabled", "IfPossible"],
    note: "not every engine can make what is mounted below read-only too",
  },
  "container.volumeMounts[].{subPath,subPathExpr}": {
    support: "depends",
    note: "of images refused where Podman is rootless",
  },
  "spec.volumes[].image.*": {
    support: "depends",
    note:
      "read-only, and without executables with Podman; needs Docker 28 or Podman",
  },
  "container.resources.limits{}": {
    support: "depends",
    note:
      "other resources are refused, and all where the engine is rootless with version 1 of control groups",
  },
  "container.securityContext.privileged": {
    support: "depends",
    note: "refused where the engine is rootless",
  },
  "container.securityContext.procMount": {
    support: "refused",
    unless: ["Default"],
    note: "engines always hide the parts of /proc that could harm the host",
  },
  "container.securityContext.seccompProfile.*": {
    support: "ok",
    note: "profiles of the host are in `/var/lib/kubelet/seccomp`",
  },
};
