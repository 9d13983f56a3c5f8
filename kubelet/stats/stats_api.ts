import { getLogger } from "../../async/log.ts";
import { messageOf } from "../../async/message_of.ts";
import { type MetricFamily, metricText } from "../../async/metric_text.ts";
import type { Metrics } from "../../async/metrics.ts";
import type { KubeletContext } from "../context.ts";
import { agentMetrics } from "./agent_metrics.ts";
import { cadvisorMetrics } from "./cadvisor_metrics.ts";
import { metricsContentType } from "./metrics_content_type.ts";
import { processMetrics, processStart } from "./process_metrics.ts";
import { resourceMetrics } from "./resource_metrics.ts";
import { summary } from "./summary.ts";
import { type Usage, UsageSampler } from "./usage_sampler.ts";

/** Answers a request to one path. */
export type Handler = (request: Request) => Promise<Response>;

const log = getLogger("kubelet");

/** The handlers of everything that measures, by path. */
export function statsApi(
  ctx: KubeletContext,
  metrics: Metrics,
): ReadonlyMap<string, Handler> {
  const sampler = new UsageSampler(ctx);

  async function families(
    request: Request,
    make: (usage: Usage | undefined) => readonly MetricFamily[],
  ): Promise<Response> {
    if (!sampler.available) return noStats();
    return exposition(request, make(await usageOrNone(sampler)));
  }

  return new Map<string, Handler>([
    ["/stats/summary", (request) => getSummary(ctx, sampler, request)],
    [
      "/metrics/resource",
      (request) =>
        families(request, (usage) => resourceMetrics(usage, ctx.pods())),
    ],
    ["/metrics/cadvisor", (request) =>
      families(request, (usage) => {
        return cadvisorMetrics({ usage, pods: ctx.pods(), node: ctx.node?.() });
      })],
    ["/metrics", async (request) =>
      exposition(request, [
        ...await processMetrics(),
        ...agentMetrics(ctx),
        ...metrics.families(),
        ...await providerMetrics(ctx, request),
      ])],
    ["/metrics/probes", (request) => {
      const probes = ctx.probeMetrics?.families() ?? [];
      return Promise.resolve(
        exposition(request, [...probes, processStart()]),
      );
    }],
  ]);
}

async function getSummary(
  ctx: KubeletContext,
  sampler: UsageSampler,
  request: Request,
): Promise<Response> {
  if (!sampler.available) return noStats();
  const query = new URL(request.url).searchParams;
  const asked = query.getAll("only_cpu_and_memory");
  const onlyCpuAndMemory = asked.length === 1 && asked[0] === "true";
  try {
    const usage = await sampler.sample();
    const pods = ctx.pods();
    const { nodeName } = ctx;
    return Response.json(summary({ nodeName, usage, pods, onlyCpuAndMemory }));
  } catch (error) {
    log.warn("Cannot measure what pods use", { error });
    return new Response(`Internal Error: ${messageOf(error)}`, { status: 500 });
  }
}

/** Undefined when the provider fails; the metrics say so themselves. */
async function usageOrNone(sampler: UsageSampler): Promise<Usage | undefined> {
  try {
    return await sampler.sample();
  } catch (error) {
    log.warn("Cannot measure what pods use", { error });
    return undefined;
  }
}

/** None when the provider fails: the rest can be told all the same. */
async function providerMetrics(
  ctx: KubeletContext,
  { signal }: Request,
): Promise<readonly MetricFamily[]> {
  try {
    return await ctx.providerMetrics?.({ signal }) ?? [];
  } catch (error) {
    log.warn("Cannot tell what the provider counts", { error });
    return [];
  }
}

function exposition(
  request: Request,
  families: Iterable<MetricFamily>,
): Response {
  const accept = request.headers.get("accept") ?? "";
  return new Response(metricText(families), {
    headers: { "Content-Type": metricsContentType(accept) },
  });
}

function noStats(): Response {
  return new Response("The provider of this node cannot tell what pods use", {
    status: 501,
  });
}
