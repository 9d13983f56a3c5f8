import type { AbortOptions } from "../../async/abort.ts";
import { getLogger } from "../../async/log.ts";
import { TaskGroup } from "../../async/task_group.ts";
import type { CheckAccess } from "../access.ts";
import type { ByteStream } from "../../async/byte_stream.ts";
import type { KubeletContext } from "../context.ts";
import type { RequestHead } from "../../async/http_head.ts";
import type { HttpFrontOptions, UpgradeRequest } from "../http_front.ts";
import {
  type CommandSessionOptions,
  defaultFinishMs,
} from "./command_session.ts";
import { readStreamingRequest, type StreamingRequest } from "./exec_request.ts";
import { answerText } from "./http_answer.ts";
import type { ConnectPort, PortForwardOptions } from "./port_forward.ts";
import { servePortForwardSpdy } from "./port_forward_spdy.ts";
import {
  servePortForwardWebSocket,
  wantedPorts,
} from "./port_forward_websocket.ts";
import { type CommandRequest, runRemoteCommand } from "./remote_command.ts";
import { serveSpdyCommand, spdyCommandProtocols } from "./spdy_channels.ts";
import { negotiateSpdy } from "./spdy_handshake.ts";
import { SpdySession } from "./spdy_session.ts";
import { WebSocketConnection, webSocketTunnel } from "./websocket.ts";
import {
  serveWebSocketCommand,
  webSocketCommandProtocols,
} from "./websocket_channels.ts";
import { negotiateWebSocket } from "./websocket_handshake.ts";

/** Options of {@linkcode streamingUpgrade}. */
export interface StreamingOptions {
  /** A session ends when nothing was said for so many milliseconds; 4 hours by default. */
  readonly idleMs?: number;
  /** How many milliseconds a client may take to open its SPDY streams; 30 s by default. */
  readonly creationMs?: number;
}

const spdyPortForward = "portforward.k8s.io";
const tunnelledPortForward = "SPDY/3.1+portforward.k8s.io";
const base64PortForward = "v4.base64.channel.k8s.io";
/** The old form; a client that names no protocol means the first. */
const oldPortForwards = ["v4.channel.k8s.io", base64PortForward, ""];

const log = getLogger("kubelet");

/**
 * Answers requests to switch protocols: exec, attach and port-forward over SPDY/3.1 and WebSocket,
 * once access was checked. What else asks for a switch is refused.
 */
export function streamingUpgrade(
  ctx: KubeletContext,
  checkAccess: CheckAccess,
  options: StreamingOptions = {},
): NonNullable<HttpFrontOptions["onUpgrade"]> {
  return async (upgrade, { signal }) => {
    const { head, peer, stream } = upgrade;
    const { method, target } = head;
    const [path = ""] = target.split("?");
    const authorization = head.headers.get("authorization") ?? undefined;
    const verdict = await checkAccess({ peer, method, path, authorization });
    if (verdict.kind === "refused") return await answerText(stream, verdict);
    const request = readStreamingRequest(ctx, method, target);
    const serving = { ...upgrade, ctx, options, signal };
    switch (request.kind) {
      case "refused": {
        const { allow } = request;
        const headers = allow === undefined ? [] : [["Allow", allow] as const];
        return await answerText(stream, { ...request, headers });
      }
      case "exec":
      case "attach":
        return await serveCommand(serving, request);
      case "portForward":
        return await servePortForward(serving, request);
      case "run": {
        const message = "This path switches to no other protocol";
        return await answerText(stream, { status: 400, message });
      }
    }
  };
}

interface Serving extends UpgradeRequest, AbortOptions {
  readonly ctx: KubeletContext;
  readonly options: StreamingOptions;
}

async function serveCommand(
  { ctx, head, stream, options, protocol: transport, signal }: Serving,
  request: CommandRequest,
): Promise<void> {
  const { kind, wanted, ref } = request;
  const session = (protocol: string): CommandSessionOptions => {
    log.debug("A remote command begins", { kind, transport, protocol, ...ref });
    return { protocol, wanted, ...options, signal };
  };
  const use = (channels: Parameters<typeof runRemoteCommand>[2]) =>
    runRemoteCommand(ctx.backend, request, channels);
  if (transport === "spdy/3.1") {
    const protocol = await switchToSpdy(stream, head, spdyCommandProtocols);
    if (protocol === undefined) return;
    const spdy = new SpdySession(stream, { role: "server" });
    return await serveSpdyCommand(spdy, session(protocol), use);
  }
  const supported = webSocketCommandProtocols;
  const protocol = await switchToWebSocket(stream, head, supported);
  if (protocol === undefined) return;
  const ws = new WebSocketConnection(stream, {
    role: "server",
    closeTimeout: defaultFinishMs,
  });
  await serveWebSocketCommand(ws, session(protocol), use);
}

async function servePortForward(
  { ctx, head, stream, options, protocol: transport, signal }: Serving,
  { podUid, query }: Extract<
    StreamingRequest,
    { readonly kind: "portForward" }
  >,
): Promise<void> {
  const { idleMs, creationMs } = options;
  const forward: PortForwardOptions = {
    pod: podUid,
    ...(idleMs !== undefined && { streamIdleTimeout: idleMs }),
    ...(creationMs !== undefined && { creationTimeout: creationMs }),
    signal,
  };
  const connect: ConnectPort = async (port, options) => {
    const { backend } = ctx;
    if (backend.portForward === undefined) throw new Error("not implemented");
    return await backend.portForward(podUid, port, options);
  };
  if (transport === "spdy/3.1") {
    const protocol = await switchToSpdy(stream, head, [spdyPortForward]);
    if (protocol === undefined) return;
    const spdy = new SpdySession(stream, { role: "server" });
    return await servePortForwardSpdy(spdy, connect, forward);
  }
  const tunnelled = asksFor(head, tunnelledPortForward);
  const ports = tunnelled ? undefined : wantedPorts(query);
  if (ports?.kind === "invalid") {
    const { message } = ports;
    return await answerText(stream, { status: 400, message });
  }
  const supported = tunnelled ? [tunnelledPortForward] : oldPortForwards;
  const protocol = await switchToWebSocket(stream, head, supported);
  if (protocol === undefined) return;
  const ws = new WebSocketConnection(stream, { role: "server" });
  if (ports === undefined) {
    await using tasks = new TaskGroup(signal);
    tasks.spawn((signal) => ws.keepAlive({ signal }));
    const spdy = new SpdySession(webSocketTunnel(ws), { role: "server" });
    return await servePortForwardSpdy(spdy, connect, forward);
  }
  const base64 = protocol === base64PortForward;
  await servePortForwardWebSocket(ws, ports.ports, base64, connect, forward);
}

function asksFor({ headers }: RequestHead, protocol: string): boolean {
  return (headers.get("sec-websocket-protocol") ?? "").split(",")
    .some((name) => name.trim() === protocol);
}

/** The protocol that was agreed on; undefined if there is none, which was answered then. */
async function switchToSpdy(
  stream: ByteStream,
  head: RequestHead,
  supported: readonly string[],
): Promise<string | undefined> {
  const outcome = negotiateSpdy(head, supported);
  if (outcome.kind === "refused") {
    await answerText(stream, outcome);
    return undefined;
  }
  await stream.write(outcome.response);
  return outcome.protocol;
}

/** As {@linkcode switchToSpdy}. */
async function switchToWebSocket(
  stream: ByteStream,
  head: RequestHead,
  supported: readonly string[],
): Promise<string | undefined> {
  const outcome = negotiateWebSocket(head, supported);
  if (outcome.kind === "refused") {
    await answerText(stream, outcome);
    return undefined;
  }
  await stream.write(outcome.response);
  return outcome.protocol;
}
