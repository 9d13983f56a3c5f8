import type { AbortOptions } from "../async/abort.ts";
import { delay } from "../async/delay.ts";
import { messageOf } from "../async/message_of.ts";
import type { Container } from "../k8s/types.ts";
import type { ContainerRuntime } from "../providers/runtime.ts";
import type { RecordContainerEvent } from "./images.ts";
import { type DialedPod, podDial } from "./pod_dial.ts";
import {
  addressText,
  followingGet,
  type HttpGetAction,
  type HttpGetRequest,
  httpGetRequest,
} from "./pod_http.ts";

/** One of the handlers of `lifecycle`, as in the API. */
export interface HookHandler {
  readonly exec?: { readonly command?: readonly string[] };
  readonly httpGet?: HttpGetAction;
  readonly sleep?: { readonly seconds: number };
  readonly tcpSocket?: unknown;
}

/** When a hook runs. */
export type HookKind = "postStart" | "preStop";

/** What of a runtime hooks use. */
export type HookRuntime = Pick<
  ContainerRuntime,
  "exec" | "portForward" | "dial"
>;

/** What a hook is run on. */
export interface HookTarget extends DialedPod {
  readonly container: Container;
}

/** The hook of a container; undefined where it has none. */
export function hookOf(
  { lifecycle }: Container,
  kind: HookKind,
): HookHandler | undefined {
  return lifecycle?.[kind];
}

/**
 * Runs a hook to its end, as the kubelet's `HandlerRunner`. Any answer to an `httpGet` will do,
 * whatever its status. Fails with what went wrong, and with the signal's reason.
 *
 * @param options.record Records an Event of what people should know of a hook that succeeds.
 */
export async function runHook(
  runtime: HookRuntime,
  handler: HookHandler,
  target: HookTarget,
  options: AbortOptions & { readonly record: RecordContainerEvent },
): Promise<void> {
  const { exec, httpGet, sleep } = handler;
  if (exec) {
    return await runCommand(runtime, exec.command ?? [], target, options);
  }
  if (httpGet) return await callServer(runtime, httpGet, target, options);
  if (sleep) return await delay(sleep.seconds * 1_000, options);
  throw new Error("the hook has no handler that can be run");
}

async function runCommand(
  runtime: HookRuntime,
  command: readonly string[],
  { podUid, container: { name } }: HookTarget,
  { signal }: AbortOptions,
): Promise<void> {
  if (!runtime.exec) {
    throw new Error("this node cannot run commands in containers");
  }
  const ref = { podUid, container: name };
  const code = await runtime.exec(ref, command, { signal });
  if (code !== 0) throw new Error(`the command exited with ${code}`);
}

async function callServer(
  runtime: HookRuntime,
  action: HttpGetAction,
  target: HookTarget,
  { record, signal }: AbortOptions & { readonly record: RecordContainerEvent },
): Promise<void> {
  const request = httpGetRequest(action, { ...target, user: "lifecycle" });
  const options = { dial: podDial(runtime, target), signal };
  try {
    await followingGet(request, options);
  } catch (error) {
    signal.throwIfAborted();
    // Hooks with https were served by plain HTTP once, and still are (kubernetes #86139).
    if (request.scheme === "http" || !isPlainAnswer(error)) throw error;
    await followingGet(plainRequest(request), options);
    const address = addressText(request);
    record(
      "Warning",
      "LifecycleHTTPFallback",
      `request to HTTPS lifecycle hook ${address} got HTTP response, retry with HTTP succeeded`,
    );
  }
}

/** What was meant for a TLS connection only is left out. */
function plainRequest(request: HttpGetRequest): HttpGetRequest {
  return {
    ...request,
    scheme: "http",
    headers: request.headers.filter(({ name }) =>
      name.toLowerCase() !== "authorization"
    ),
  };
}

function isPlainAnswer(error: unknown): boolean {
  return messageOf(error).includes(
    "server gave HTTP response to HTTPS client",
  );
}
