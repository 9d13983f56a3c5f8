import { TaskGroup } from "../../async/task_group.ts";
import {
  type ConnectPort,
  defaultStreamIdleTimeout,
  forwardPort,
  type PortForwardOptions,
  type PortStreams,
  untilIdle,
} from "./port_forward.ts";
import { PortForwardChannels } from "./port_forward_channels.ts";
import type { WebSocketConnection } from "./websocket.ts";

/** The ports that a request names, or why it names none. */
export type WantedPorts =
  | { readonly kind: "ports"; readonly ports: readonly number[] }
  /** To be answered with 400. */
  | { readonly kind: "invalid"; readonly message: string };

/** Two channels for each, and a byte for their number. */
const maxPorts = 127;

/** Reads `?port=80,81&port=82`, as the old WebSocket form of port-forward has it. */
export function wantedPorts(query: URLSearchParams): WantedPorts {
  const texts = query.getAll("port");
  if (texts.length === 0) return invalid('query parameter "port" is required');
  if (texts.includes("")) {
    return invalid('query parameter "port" cannot be empty');
  }
  const ports: number[] = [];
  for (const text of texts.flatMap((list) => list.split(","))) {
    const port = Number(text);
    if (!/^\d+$/.test(text) || port > 65535) {
      return invalid(`unable to parse ${JSON.stringify(text)} as a port`);
    }
    if (port < 1) return invalid(`port ${JSON.stringify(text)} must be > 0`);
    ports.push(port);
  }
  if (ports.length > maxPorts) {
    return invalid(`at most ${maxPorts} ports can be forwarded`);
  }
  return { kind: "ports", ports };
}

/**
 * Serves the old WebSocket form, `v4.channel.k8s.io` or, with `base64`, `v4.base64.channel.k8s.io`,
 * on a WebSocket, which it closes: one connection for each port, on channel 2n for its data and
 * 2n + 1 for its error, each of which begins with the port as two bytes, low one first. Resolves
 * when every pod's side has ended, the client has left or was idle for too long, or when aborted.
 */
export async function servePortForwardWebSocket(
  ws: WebSocketConnection,
  ports: readonly number[],
  base64: boolean,
  connect: ConnectPort,
  options: PortForwardOptions,
): Promise<void> {
  const { streamIdleTimeout = defaultStreamIdleTimeout } = options;
  await using forwards = new TaskGroup(options.signal);
  const { signal } = forwards;
  const destroy = () => ws.destroy();
  signal.addEventListener("abort", destroy, { once: true });
  if (signal.aborted) return destroy();
  const channels = new PortForwardChannels(ws, { base64 });
  forwards.spawn((signal) => ws.keepAlive({ signal }));
  forwards.spawn(async (signal) => {
    const lastActivityAt = () => channels.lastActivityAt;
    await untilIdle(lastActivityAt, streamIdleTimeout, { signal });
    await ws.close();
  });
  const pairs = ports.map((port, index) => ({
    port,
    data: channels.open(index * 2, "data"),
    error: channels.open(index * 2 + 1, "error"),
  }));
  forwards.spawn(async (signal) => {
    const forward = (streams: PortStreams) =>
      greetAndForward(streams, connect, { ...options, signal });
    await Promise.all(pairs.map(forward));
    await ws.close();
  });
  await channels.run();
  await ws.close();
  signal.removeEventListener("abort", destroy);
}

async function greetAndForward(
  streams: PortStreams,
  connect: ConnectPort,
  options: PortForwardOptions,
): Promise<void> {
  const { port, data, error } = streams;
  const greeting = new Uint8Array([port & 0xff, port >> 8]);
  await data.write(greeting);
  await error.write(greeting);
  await forwardPort(streams, connect, options);
}

function invalid(message: string): WantedPorts {
  return { kind: "invalid", message };
}
