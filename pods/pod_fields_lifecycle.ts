import type { FieldRule } from "../providers/pod_field.ts";

const probes = "container.{startupProbe,readinessProbe,livenessProbe}";
const hooks = "container.lifecycle.{postStart,preStop}";

/** The rows of probes and hooks, which the agent runs through its connection to the host. */
export const lifecycleRules: readonly FieldRule[] = [
  {
    field:
      `${probes}{,.initialDelaySeconds,.periodSeconds,.timeoutSeconds,.successThreshold,.failureThreshold}`,
    support: "ok",
    note: "measured from the agent; a lost connection is no failure",
  },
  { field: `${probes}.terminationGracePeriodSeconds`, support: "ok" },
  { field: `${probes}.exec{,.command[]}`, support: "ok" },
  {
    field:
      `${probes}.httpGet{,.path,.port,.scheme,.httpHeaders[],.httpHeaders[].name,.httpHeaders[].value}`,
    support: "ok",
    note: "made over the connection to the host",
  },
  { field: `${probes}.{httpGet,tcpSocket}.host`, support: "ok" },
  {
    field: `${probes}.httpGet.protocol`,
    support: "refused",
    unless: ["HTTP1"],
    note: "farlet probes with HTTP/1.1 only",
  },
  { field: `${probes}.tcpSocket{,.port}`, support: "ok" },
  { field: `${probes}.grpc{,.port,.service}`, support: "ok" },
  {
    field: `${probes}.grpc.mode`,
    support: "refused",
    unless: ["Plaintext"],
    note: "farlet probes gRPC without TLS only",
  },
  { field: "container.lifecycle", support: "ok" },
  { field: `${hooks}{,.exec,.exec.command[]}`, support: "ok" },
  { field: `${hooks}.sleep{,.seconds}`, support: "ok" },
  {
    field:
      `${hooks}.httpGet{,.path,.port,.scheme,.httpHeaders[],.httpHeaders[].name,.httpHeaders[].value}`,
    support: "ok",
    note: "any answer will do, as for a kubelet",
  },
  { field: `${hooks}.httpGet.host`, support: "ok" },
  {
    field: `${hooks}.httpGet.protocol`,
    support: "refused",
    unless: ["HTTP1"],
    note: "farlet calls hooks with HTTP/1.1 only",
  },
  {
    field: `${hooks}.tcpSocket.*`,
    support: "ok",
    note: "as the API says, such a hook fails when it is to run",
  },
  { field: "container.lifecycle.stopSignal", support: "ok" },
];
