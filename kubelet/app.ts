import { type Context, Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { getLogger } from "../async/log.ts";
import { Metrics } from "../async/metrics.ts";
import type { Pod } from "../k8s/types.ts";
import type { CheckAccess } from "./access.ts";
import { getContainerLogs } from "./container_logs.ts";
import type { KubeletContext } from "./context.ts";
import {
  type HealthCheck,
  healthChecks,
  healthDetail,
  healthSummary,
} from "./health.ts";
import { upgradeProtocol } from "../async/http_head.ts";
import { requestMetrics } from "./stats/request_metrics.ts";
import { statsApi } from "./stats/stats_api.ts";
import { readStreamingRequest } from "./streaming/exec_request.ts";
import { runOnce } from "./streaming/run_once.ts";
import type { RequestOrigin } from "./http_front.ts";
import { getFlagz, getStatusz } from "./zpages.ts";

type AppEnv = { readonly Bindings: RequestOrigin };

/** Routes that `readStreamingRequest` reads. */
const streaming = ["/exec/*", "/attach/*", "/portForward/*", "/run/*"];

/** Routes of the kubelet that will not be there. */
const never = [
  ["/logs/*", "farlet does not show the logs of the machine"],
  ["/checkpoint/*", "farlet cannot take checkpoints of containers"],
] as const;

const log = getLogger("kubelet");

/** The kubelet's HTTP API as a fetch handler: who may come in, then one route a line. */
export function kubeletApp(
  ctx: KubeletContext,
  checkAccess: CheckAccess,
): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  const metrics = ctx.metrics ?? new Metrics();
  const requests = requestMetrics(metrics);
  app.onError(errorResponse);
  app.use(async (c, next) => {
    using _ = requests.begin(c.req);
    return await next();
  });
  app.use(async (c, next) => {
    const { peer } = c.env;
    const { method, path } = c.req;
    const authorization = c.req.header("authorization");
    const verdict = await checkAccess({ peer, method, path, authorization });
    if (verdict.kind === "refused") {
      // Who has not proven anything shall not hold a connection either.
      if (verdict.status === 401) c.header("Connection", "close");
      return c.text(verdict.message, verdict.status);
    }
    // The front handles those at the start of a connection; here the socket is out of reach.
    if (upgradeProtocol(c.req.raw.headers) !== undefined) {
      return c.text("Cannot upgrade a connection that was used before", 400);
    }
    return await next();
  });

  const logs = "/containerLogs/:namespace/:pod/:container";
  const checks = healthChecks(ctx);
  getOnly(app, "/healthz", (c) => health(c, checks));
  for (const check of checks) {
    getOnly(app, `/healthz/${check.name}`, () => healthDetail(check));
  }
  getOnly(app, "/pods", (c) => c.json(podList(ctx.pods())));
  getOnly(app, "/runningpods", (c) => c.json(podList(runningPods(ctx.pods()))));
  getOnly(app, logs, (c) => {
    const query = new URL(c.req.url).searchParams;
    const { left: signal } = c.env;
    return getContainerLogs(ctx, containerPath(c), { query, signal });
  });
  for (const [path, answer] of statsApi(ctx, metrics)) {
    getOnly(app, path, (c) => answer(c.req.raw));
  }
  getOnly(app, "/configz", () => configz(ctx));
  getOnly(app, "/statusz", (c) => getStatusz(ctx, c.req.raw));
  getOnly(app, "/flagz", (c) => getFlagz(ctx, c.req.raw));
  for (const [path, why] of never) app.all(path, (c) => c.text(why, 501));
  for (const path of streaming) app.all(path, (c) => answerStreaming(ctx, c));
  return app;
}

/** Registers a route that answers other methods with 405, as the kubelet. */
function getOnly(
  app: Hono<AppEnv>,
  path: string,
  handler: (c: Context<AppEnv>) => Response | Promise<Response>,
): void {
  app.get(path, handler);
  app.all(path, (c) => c.text("Method Not Allowed", 405, { Allow: "GET" }));
}

/** Runs the command of `/run`; the other ones need a connection that switches protocols. */
async function answerStreaming(
  ctx: KubeletContext,
  c: Context<AppEnv>,
): Promise<Response> {
  const { pathname, search } = new URL(c.req.url);
  const request = readStreamingRequest(ctx, c.req.method, pathname + search);
  if (request.kind === "refused") {
    const { status, message, allow } = request;
    return c.text(message, status, allow ? { Allow: allow } : {});
  }
  if (request.kind !== "run") return c.text("Upgrade request required", 400);
  const { left: signal } = c.env;
  const outcome = await runOnce(ctx.backend, request, { signal });
  if (outcome.kind === "failed") return c.text(outcome.message, 500);
  return c.body(outcome.output, 200, {
    "Content-Type": "text/plain; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
  });
}

function health(
  c: Context<AppEnv>,
  checks: readonly HealthCheck[],
): Response {
  const response = healthSummary(checks, new URL(c.req.url).searchParams);
  // Open to everybody, so a stranger's connection ends with it.
  if (c.env.peer.kind === "anonymous") {
    response.headers.set("Connection", "close");
  }
  return response;
}

function configz({ configuration = {} }: KubeletContext): Response {
  return Response.json({ kubeletconfig: configuration }, {
    headers: { "X-Content-Type-Options": "nosniff" },
  });
}

function containerPath(c: Context<AppEnv>) {
  return {
    namespace: c.req.param("namespace") ?? "",
    pod: c.req.param("pod") ?? "",
    container: c.req.param("container") ?? "",
  };
}

function podList(pods: Iterable<Pod>) {
  return { kind: "PodList", apiVersion: "v1", metadata: {}, items: [...pods] };
}

/** Only what the runtime knows of them, as the kubelet: names, and the containers that run. */
function* runningPods(pods: Iterable<Pod>): Generator<Pod> {
  for (const { metadata, status } of pods) {
    const { name, namespace, uid } = metadata ?? {};
    const statuses = [
      ...status?.initContainerStatuses ?? [],
      ...status?.containerStatuses ?? [],
    ];
    const containers = statuses.filter(({ state }) => state?.running)
      .map(({ name, image }) => ({ name, image }));
    if (containers.length === 0) continue;
    yield {
      metadata: {
        ...(name !== undefined && { name }),
        ...(namespace !== undefined && { namespace }),
        ...(uid !== undefined && { uid }),
      },
      spec: { containers },
      status: {},
    };
  }
}

function errorResponse(error: Error): Response {
  if (error instanceof HTTPException) return error.getResponse();
  log.error("Cannot answer a request", { error });
  return new Response("Internal Server Error", { status: 500 });
}
