import { type Context, Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { getLogger } from "../async/log.ts";
import type { Pod } from "../k8s/types.ts";
import type { CheckAccess } from "./access.ts";
import { getContainerLogs } from "./container_logs.ts";
import type { KubeletContext } from "./context.ts";
import { upgradeProtocol } from "./http_head.ts";
import type { RequestOrigin } from "./tls_front.ts";

type AppEnv = { readonly Bindings: RequestOrigin };

/** Routes of the kubelet that are not there yet. */
const notYet = [
  "/healthz/log",
  "/healthz/syncloop",
  "/exec/*",
  "/attach/*",
  "/portForward/*",
  "/run/*",
  "/stats/*",
  "/metrics",
  "/metrics/*",
  "/configz",
  "/statusz",
  "/flagz",
  "/logs/*",
  "/checkpoint/*",
];

const log = getLogger("kubelet");

/** The kubelet's HTTP API as a fetch handler: who may come in, then one route a line. */
export function kubeletApp(
  ctx: KubeletContext,
  checkAccess: CheckAccess,
): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  app.onError(errorResponse);
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
  getOnly(app, "/healthz", (c) => health(c));
  getOnly(app, "/healthz/ping", (c) => health(c));
  getOnly(app, "/pods", (c) => c.json(podList(ctx.pods())));
  getOnly(app, "/runningpods", (c) => c.json(podList(runningPods(ctx.pods()))));
  getOnly(app, logs, (c) => {
    const query = new URL(c.req.url).searchParams;
    const { left: signal } = c.env;
    return getContainerLogs(ctx, containerPath(c), { query, signal });
  });
  for (const path of notYet) {
    app.all(path, (c) => c.text("Not Implemented", 501));
  }
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

function health(c: Context<AppEnv>): Response {
  // Open to everybody, so a stranger's connection ends with it.
  if (c.env.peer.kind === "anonymous") c.header("Connection", "close");
  return c.text("ok");
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
