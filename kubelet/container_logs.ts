import { messageOf } from "../async/message_of.ts";
import { HTTPException } from "hono/http-exception";
import type { AbortOptions } from "../async/abort.ts";
import { delay } from "../async/delay.ts";
import { getLogger } from "../async/log.ts";
import type { ContainerStatus, Pod } from "../k8s/types.ts";
import { BodyReader } from "./body_reader.ts";
import type { KubeletContext } from "./context.ts";
import { parseLogOptions } from "./log_options.ts";

/** A container as a URL names it. */
export interface ContainerPath {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** How long an error of the provider may take to still become a status code. */
const firstChunkMs = 250;

const log = getLogger("kubelet");

/**
 * Answers `GET /containerLogs/{namespace}/{pod}/{container}` as the kubelet does. The signal says
 * that the client has left.
 */
export async function getContainerLogs(
  ctx: KubeletContext,
  path: ContainerPath,
  { query, signal }: AbortOptions & { readonly query: URLSearchParams },
): Promise<Response> {
  const parsed = parseLogOptions(query, new Date());
  switch (parsed.kind) {
    case "undecodable":
      throw badRequest(400, '{"message": "Unable to decode query."}');
    case "invalid":
      throw badRequest(422, '{"message": "Invalid request."}');
    case "valid":
  }
  const pod = findContainer(ctx, path);
  const { readLogs } = ctx.backend;
  if (readLogs === undefined) {
    throw badRequest(501, "The node's provider has no logs");
  }
  const run = chooseRun(pod, path.container, parsed.options);
  if (run.kind === "none") throw badRequest(400, run.message);
  const cancelled = new AbortController();
  const unwanted = AbortSignal.any([signal, cancelled.signal]);
  const logs = readLogs.call(
    ctx.backend,
    { podUid: pod.metadata?.uid ?? "", container: path.container },
    {
      ...parsed.options,
      previous: run.kind === "previous",
      signal: unwanted,
    },
  );
  const body = await startStream(logs, { cancelled, signal: unwanted });
  return new Response(body, { headers: { "Content-Type": "text/plain" } });
}

/** The pod that has the container, or a 404 in the kubelet's words. */
export function findContainer(ctx: KubeletContext, path: ContainerPath): Pod {
  const pod = ctx.findPod(path.namespace, path.pod);
  if (pod === undefined) {
    throw badRequest(404, `pod "${path.pod}" does not exist`);
  }
  const { containers = [], initContainers = [], ephemeralContainers = [] } =
    pod.spec ?? {};
  const names = [...containers, ...initContainers, ...ephemeralContainers];
  if (names.some(({ name }) => name === path.container)) return pod;
  const message =
    `container "${path.container}" not found in pod "${path.pod}"`;
  throw badRequest(404, message);
}

/** Which run of a container has the log that was asked for. */
export type LogRun =
  | { readonly kind: "newest" }
  | { readonly kind: "previous" }
  | { readonly kind: "none"; readonly message: string };

/**
 * Chooses by status, as `validateContainerLogStatus` of kubernetes/pkg/kubelet/kubelet_pods.go.
 *
 * "Previous" there is what the status calls the last state: of a container that waits to be
 * started again, that is its newest run.
 */
export function chooseRun(
  pod: Pod,
  container: string,
  { previous }: { readonly previous: boolean },
): LogRun {
  const named = `container "${container}" in pod "${pod.metadata?.name}"`;
  const status = containerStatus(pod, container);
  if (status === undefined) return none(`${named} is not available`);
  const { running, terminated, waiting } = status.state ?? {};
  const last = status.lastState?.terminated;
  // A run that could not be started has no ID, and no log.
  const newestIsLast = running === undefined && !terminated?.containerID;
  if (previous) {
    if (!last?.containerID) {
      return none(`previous terminated ${named} not found`);
    }
    return { kind: newestIsLast ? "newest" : "previous" };
  }
  if (running !== undefined || terminated?.containerID) {
    return { kind: "newest" };
  }
  if (last?.containerID) return { kind: "newest" };
  if (terminated !== undefined || last !== undefined) {
    return none(`${named} is terminated`);
  }
  if (waiting === undefined) {
    return none(`${named} is waiting to start - no logs yet`);
  }
  return none(`${named} is waiting to start: ${waitingText(waiting.reason)}`);
}

function none(message: string): LogRun {
  return { kind: "none", message };
}

function waitingText(reason: string | undefined): string {
  switch (reason) {
    case "ErrImagePull":
      return "image can't be pulled";
    case "ImagePullBackOff":
      return "trying and failing to pull image";
    default:
      return reason ?? "";
  }
}

function containerStatus(
  { status = {} }: Pod,
  container: string,
): ContainerStatus | undefined {
  const {
    containerStatuses = [],
    initContainerStatuses = [],
    ephemeralContainerStatuses = [],
  } = status;
  return [
    ...containerStatuses,
    ...initContainerStatuses,
    ...ephemeralContainerStatuses,
  ].find(({ name }) => name === container);
}

/**
 * The log as a response body; aborts `cancelled` when nobody reads it any more. Rejects with a
 * 400, as the kubelet answers, when reading fails at once.
 */
async function startStream(
  logs: ReadableStream<Uint8Array>,
  { cancelled, signal }: AbortOptions & { readonly cancelled: AbortController },
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const reader = new BodyReader(logs);
  let next: ReturnType<BodyReader["read"]> | undefined = reader.read();
  try {
    await atMost(firstChunkMs, next);
  } catch (error) {
    cancelled.abort(error);
    const message = messageOf(error);
    throw new HTTPException(400, { message, cause: error });
  }
  let rest: Uint8Array = new Uint8Array();
  return new ReadableStream({
    type: "bytes",
    autoAllocateChunkSize: 64 * 1024,
    start(controller) {
      // Not left to the provider: it may be waiting for something else.
      signal.addEventListener("abort", () => {
        controller.error(signal.reason);
        reader.cancel(signal.reason);
      }, { once: true });
    },
    async pull(controller) {
      const request = controller.byobRequest;
      const view = request?.view;
      if (!request || !view) throw new TypeError("There is no buffer");
      if (rest.length === 0) {
        const piece = await (next ?? reader.read()).catch((error) => {
          // Too late for a status: the connection breaks off, so that nobody takes it for whole.
          if (!signal.aborted) log.warn("Cannot read a log on", { error });
          throw error;
        });
        next = undefined;
        if (signal.aborted) return;
        if (piece === undefined) {
          controller.close();
          return request.respond(0);
        }
        rest = piece;
      }
      const taken = rest.subarray(0, view.byteLength);
      new Uint8Array(view.buffer, view.byteOffset).set(taken);
      rest = rest.subarray(taken.length);
      request.respond(taken.length);
    },
    cancel(reason) {
      cancelled.abort(reason);
      reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
}

/** Settles with `promise`, or resolves when it takes longer. */
async function atMost(ms: number, promise: Promise<unknown>): Promise<void> {
  const waiting = new AbortController();
  try {
    await Promise.race([promise, delay(ms, waiting)]);
  } finally {
    waiting.abort();
  }
}

function badRequest(
  status: 400 | 404 | 422 | 501,
  message: string,
): HTTPException {
  return new HTTPException(status, { message });
}
