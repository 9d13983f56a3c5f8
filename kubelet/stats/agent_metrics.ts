import type { MetricFamily } from "../../async/metric_text.ts";
import type { Pod } from "../../k8s/types.ts";
import type { KubeletContext } from "../context.ts";

/** What `/metrics` tells of the node that the agent is, under the kubelet's names. */
export function agentMetrics(
  ctx: Pick<KubeletContext, "nodeName" | "pods" | "version">,
): readonly MetricFamily[] {
  const { nodeName, version } = ctx;
  const states = [...ctx.pods()].map(containerStates);
  const running = states.filter((states) => states.includes("running"));
  return [
    {
      name: "farlet_build_info",
      help:
        "A metric with a constant '1' value labeled by farlet's version and the platform on which it is running.",
      type: "gauge",
      samples: version === undefined ? [] : [{
        labels: { platform: `${Deno.build.os}/${Deno.build.arch}`, version },
        value: 1,
      }],
    },
    {
      name: "kubelet_node_name",
      help: "[ALPHA] The node's name. The count is always 1.",
      type: "gauge",
      samples: [{ labels: { node: nodeName }, value: 1 }],
    },
    {
      name: "kubelet_running_pods",
      help: "[ALPHA] Number of pods that have a running pod sandbox",
      type: "gauge",
      samples: [{ labels: {}, value: running.length }],
    },
    {
      name: "kubelet_running_containers",
      help: "[ALPHA] Number of containers currently running",
      type: "gauge",
      samples: (["exited", "running"] as const).map((state) => ({
        labels: { "container_state": state },
        value: states.flat().filter((each) => each === state).length,
      })),
    },
  ];
}

/** Of each container that was started. */
function containerStates({ status }: Pod): readonly ("running" | "exited")[] {
  const statuses = [
    ...status?.initContainerStatuses ?? [],
    ...status?.containerStatuses ?? [],
  ];
  return statuses.flatMap(({ state }) => {
    if (state?.running) return ["running"];
    return state?.terminated ? ["exited"] : [];
  });
}
