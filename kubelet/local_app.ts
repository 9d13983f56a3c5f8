import { type Context, Hono } from "hono";
import type { AbortOptions } from "../async/abort.ts";
import { delay } from "../async/delay.ts";
import { getLogger } from "../async/log.ts";
import { ApiError } from "../k8s/errors.ts";
import type { Event, KubernetesObject, Node } from "../k8s/types.ts";
import type { CheckAccess } from "./access.ts";
import { kubeletApp } from "./app.ts";
import {
  joinedContext,
  type LocalContext,
  type LocalNode,
  nodeOfPod,
} from "./local_context.ts";
import { type Watched, watchStream } from "./local_watch.ts";
import type { RequestOrigin } from "./http_front.ts";

type AppEnv = { readonly Bindings: RequestOrigin };
type App = Hono<AppEnv>;

/** Who came through the unix socket may do everything. */
export const allowLocal: CheckAccess = () =>
  Promise.resolve({ kind: "allowed" });

const log = getLogger("kubelet");
/** How often nodes are looked at for a watch: nobody says when they change. */
const nodeLook = 1_000;
const podRoute =
  /^\/(?:exec|attach|run|portForward|containerLogs)\/([^/]+)\/([^/]+)/;

/** The node that a path of the kubelet API means: the one with its pod, else the first. */
export function nodeOfPath(context: LocalContext, path: string): LocalNode {
  const [, namespace, pod] = podRoute.exec(path) ?? [];
  if (namespace === undefined || pod === undefined) return context.nodes[0];
  return nodeOfPod(context, decoded(namespace), decoded(pod));
}

/** What is not escaped as it should be is no pod's name either. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/**
 * The kubelet API of all nodes of the agent, and what local tools need besides: nodes, Events,
 * watches and the deletion of pods.
 *
 * `/nodes/NAME/proxy/…` is the kubelet API of one node. Elsewhere a pod is found on whichever node
 * has it, and what concerns a node is that of the first.
 *
 * @param options.ending Watches end when it aborts.
 */
export function localApp(
  context: LocalContext,
  { ending }: { readonly ending: AbortSignal },
): App {
  const app: App = new Hono<AppEnv>({ strict: false });
  const { nodes: [first, ...others] } = context;
  const apps = new Map(
    context.nodes.map((node) => [node, kubeletApp(node, allowLocal)]),
  );
  const joined = others.length === 0
    ? apps.get(first)
    : kubeletApp(joinedContext(context), allowLocal);
  app.onError(errorResponse);
  app.get("/pods", async (c, next) => {
    if (c.req.query("watch") !== "true") return await next();
    return watching(c, podsOf(context), ending);
  });
  app.get(
    "/nodes",
    (c) => listOrWatch(c, "NodeList", nodesOf(context), ending),
  );
  app.get("/events", (c) => {
    const { list, changes } = eventsOf(context);
    const wanted = eventFilter(c);
    const filtered = { list: () => [...list()].filter(wanted), changes };
    return listOrWatch(c, "EventList", filtered, ending);
  });
  app.delete("/pods/:namespace/:pod", (c) => deletePod(context, c));
  app.all("/nodes/:name/proxy/*", (c) => {
    const name = c.req.param("name");
    const node = context.nodes.find(({ nodeName }) => nodeName === name);
    const nodeApp = node && apps.get(node);
    if (nodeApp === undefined) return notFound("nodes", name);
    const prefix = `/nodes/${encodeURIComponent(name)}/proxy`;
    const url = new URL(c.req.url);
    url.pathname = url.pathname.slice(prefix.length);
    return nodeApp.fetch(new Request(url, c.req.raw), c.env);
  });
  app.all("*", (c) => {
    const { path } = c.req;
    const one = podRoute.test(path)
      ? apps.get(nodeOfPath(context, path))
      : undefined;
    const app = one ?? joined;
    return app?.fetch(c.req.raw, c.env) ?? c.notFound();
  });
  return app;
}

function podsOf({ nodes }: LocalContext): Watched {
  return {
    list: () => nodes.flatMap((node) => [...node.pods()]),
    changes: nodes.flatMap(({ changes }) => changes),
  };
}

function nodesOf({ nodes }: LocalContext): Watched {
  return {
    list: () =>
      nodes.map((node) => node.node?.()).filter((node): node is Node =>
        node !== undefined
      ),
    changes: [everySecond],
  };
}

async function* everySecond({ signal }: AbortOptions): AsyncGenerator<void> {
  for (;;) {
    await delay(nodeLook, { signal });
    yield;
  }
}

function eventsOf({ nodes }: LocalContext): Watched<Event> {
  return {
    list: () => nodes.flatMap(({ events }) => [...events.list()]),
    changes: nodes.map(({ events }) => events.changes),
  };
}

/** The object that the query names, as far as it does. */
function eventFilter(c: Context<AppEnv>): (event: Event) => boolean {
  const { uid, namespace, kind, name } = c.req.query();
  return ({ involvedObject: object }) =>
    (uid === undefined || object.uid === uid) &&
    (namespace === undefined ||
      (object.namespace ?? "default") === namespace) &&
    (kind === undefined || object.kind === kind) &&
    (name === undefined || object.name === name);
}

function listOrWatch(
  c: Context<AppEnv>,
  kind: string,
  watched: Watched,
  ending: AbortSignal,
): Response {
  if (c.req.query("watch") === "true") return watching(c, watched, ending);
  const items: readonly KubernetesObject[] = [...watched.list()];
  return c.json({ kind, apiVersion: "v1", metadata: {}, items });
}

function watching(
  c: Context<AppEnv>,
  watched: Watched,
  ending: AbortSignal,
): Response {
  const body = watchStream(watched, { ending, signal: c.env.left });
  return new Response(body, {
    headers: { "Content-Type": "application/json" },
  });
}

async function deletePod(
  context: LocalContext,
  c: Context<AppEnv>,
): Promise<Response> {
  const { namespace = "", pod: name = "" } = c.req.param();
  const { uid, gracePeriodSeconds } = c.req.query();
  const graceSeconds = gracePeriodSeconds === undefined
    ? undefined
    : Number(gracePeriodSeconds);
  if (graceSeconds !== undefined && !(graceSeconds >= 0)) {
    const message = `invalid gracePeriodSeconds "${gracePeriodSeconds}"`;
    return status(400, "BadRequest", message);
  }
  const node = nodeOfPod(context, namespace, name);
  const pod = node.findPod(namespace, name);
  if (pod === undefined || (uid && pod.metadata?.uid !== uid)) {
    return notFound("pods", name);
  }
  const { left: signal } = c.env;
  const deleted = await node.deletePod(pod, { graceSeconds, signal });
  return deleted ? c.json(pod, 202) : notFound("pods", name);
}

function notFound(resource: string, name: string): Response {
  return status(404, "NotFound", `${resource} "${name}" not found`);
}

/** A `Status` as the API server answers it. */
function status(code: number, reason: string, message: string): Response {
  return Response.json({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason,
    code,
  }, { status: code });
}

function errorResponse(error: Error): Response {
  if (error instanceof ApiError) {
    const { code, reason, status: told } = error;
    return status(code, reason, told?.message ?? error.message);
  }
  log.error("Cannot answer a local request", { error });
  return status(500, "InternalError", error.message);
}
