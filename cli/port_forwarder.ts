import type { AbortOptions } from "../async/abort.ts";
import { delay } from "../async/delay.ts";
import { messageOf } from "../async/message_of.ts";
import { TaskGroup } from "../async/task_group.ts";
import {
  type ByteStream,
  closeConn,
  closeWrite,
  readConn,
  writeConn,
} from "../async/byte_stream.ts";
import {
  SpdySession,
  type SpdyStream,
} from "../kubelet/streaming/spdy_session.ts";
import type { ForwardedPort, ListenAddress } from "./forwarded_port.ts";

/** What {@linkcode forwardPorts} needs. */
export interface ForwardOptions extends AbortOptions {
  readonly ports: readonly ForwardedPort[];
  readonly addresses: readonly ListenAddress[];
  /** Opens a connection to the pod that speaks `portforward.k8s.io` over SPDY from here on. */
  readonly connect: (options: AbortOptions) => Promise<ByteStream>;
  /** Tells the user, for one line each, with its end. */
  readonly print: (line: string) => void;
  readonly printError: (line: string) => void;
}

/** A session that ends sooner than this was refused rather than idle for too long. */
const shortSessionMs = 10_000;
const lostConnection = "lost connection to pod";
/** How long to wait when no connection can be accepted, as for want of file descriptors. */
const acceptPauseMs = 100;

/**
 * Listens on the ports and connects whoever comes to the ports of a pod, until aborted. Every
 * connection has a session of its own: SPDY as Kubernetes speaks it has no flow control, so that
 * one that stands still would stop all others.
 *
 * @throws When no port can be listened on, or the pod's agent goes away.
 */
export async function forwardPorts(options: ForwardOptions): Promise<void> {
  await using group = new TaskGroup(options.signal);
  const first = await options.connect(options);
  group.spawn((signal) => watchAgent(first, { ...options, signal }));
  const listeners = listenOnAll(options);
  const stop = () => {
    for (const { listener } of listeners) listener.close();
  };
  group.signal.addEventListener("abort", stop, { once: true });
  if (group.signal.aborted) stop();
  for (const { listener, port } of listeners) {
    group.spawn(async (signal) => {
      for (;;) {
        const conn = await accept(listener, { ...options, signal });
        if (conn === undefined) return;
        options.print(`Handling connection for ${port.local}\n`);
        group.spawn((signal) =>
          forwardConnection(conn, port, { ...options, signal })
        );
      }
    });
  }
  await group.join();
}

/** Holds a session open, whose end tells that the agent has gone; rejects then. */
async function watchAgent(
  first: ByteStream,
  { connect, signal }: Pick<ForwardOptions, "connect" | "signal">,
): Promise<void> {
  let stream = first;
  for (;;) {
    const openedAt = Date.now();
    const session = new SpdySession(stream, { role: "client" });
    try {
      await session.run({ signal });
    } catch (cause) {
      throw new Error(lostConnection, { cause });
    }
    if (signal.aborted) return;
    if (Date.now() - openedAt < shortSessionMs) throw new Error(lostConnection);
    // The kubelet ends a session that was idle for hours, as this one always is.
    try {
      stream = await connect({ signal });
    } catch (cause) {
      throw new Error(lostConnection, { cause });
    }
  }
}

interface Listening {
  readonly listener: Deno.TcpListener;
  readonly port: ForwardedPort;
}

function listenOnAll(options: ForwardOptions): readonly Listening[] {
  const listening: Listening[] = [];
  const failed: ForwardedPort[] = [];
  for (const port of options.ports) {
    const failure = listenOn(port, listening, options);
    if (failure === undefined) continue;
    failed.push(port);
    options.printError(
      `Unable to listen on port ${port.local}: Listeners failed to create with the following errors: [${failure}]\n`,
    );
  }
  if (failed.length < options.ports.length) return listening;
  for (const { listener } of listening) listener.close();
  const ports = failed.map(({ local, remote }) => `{${local} ${remote}}`);
  throw new Error(
    `unable to listen on any of the requested ports: [${ports.join(" ")}]`,
  );
}

/** Adds to `listening`; returns what went wrong, if that matters. */
function listenOn(
  { local, remote }: ForwardedPort,
  listening: Listening[],
  { addresses, print }: Pick<ForwardOptions, "addresses" | "print">,
): string | undefined {
  const failures: { readonly optional: boolean; readonly why: string }[] = [];
  let port = local;
  let optionalOnes = 0;
  for (const { hostname, optional } of addresses) {
    try {
      const listener = Deno.listen({ hostname, port });
      port = listener.addr.port; // the same one at the other addresses
      listening.push({ listener, port: { local: port, remote } });
      if (optional) optionalOnes++;
      print(`Forwarding from ${hostPort(hostname, port)} -> ${remote}\n`);
    } catch (error) {
      const why = `unable to create listener: ${hostPort(hostname, port)}: ${
        messageOf(error)
      }`;
      failures.push({ optional, why });
    }
  }
  const matter = failures.some(({ optional }) =>
    !optional || optionalOnes === 0
  );
  return matter ? failures.map(({ why }) => why).join(" ") : undefined;
}

function hostPort(hostname: string, port: number): string {
  return hostname.includes(":")
    ? `[${hostname}]:${port}`
    : `${hostname}:${port}`;
}

async function accept(
  listener: Deno.TcpListener,
  { printError, signal }: Pick<ForwardOptions, "printError" | "signal">,
): Promise<Deno.TcpConn | undefined> {
  for (;;) {
    try {
      return await listener.accept();
    } catch (error) {
      if (signal.aborted) return undefined;
      printError(`error: Cannot accept a connection: ${messageOf(error)}\n`);
      await delay(acceptPauseMs, { signal });
    }
  }
}

/** Never rejects: what fails for one connection is told, and others go on. */
async function forwardConnection(
  conn: Deno.TcpConn,
  { local, remote }: ForwardedPort,
  { connect, printError, signal }: Pick<
    ForwardOptions,
    "connect" | "printError" | "signal"
  >,
): Promise<void> {
  const close = () => closeConn(conn);
  signal.addEventListener("abort", close, { once: true });
  try {
    const stream = await connect({ signal });
    const failure = await relay(conn, stream, { remote, signal });
    if (failure !== "") throw new Error(failure);
  } catch (error) {
    if (signal.aborted) return;
    printError(
      `error: an error occurred forwarding ${local} -> ${remote}: ${
        messageOf(error)
      }\n`,
    );
  } finally {
    signal.removeEventListener("abort", close);
    close();
  }
}

/** Copies both ways until both sides have ended; resolves what the agent says went wrong, or "". */
async function relay(
  conn: Deno.TcpConn,
  stream: ByteStream,
  { remote, signal }: AbortOptions & { readonly remote: number },
): Promise<string> {
  const session = new SpdySession(stream, { role: "client" });
  await using group = new TaskGroup(signal);
  group.spawn((signal) => session.run({ signal }));
  try {
    const error = await session.open(streamHeaders("error", remote));
    await error.end(); // we have nothing to say on it
    const data = await session.open(streamHeaders("data", remote));
    const failing = readText(error).then((text) => {
      // The rest is of no use to anybody.
      if (text !== "") closeConn(conn);
      return text;
    });
    await Promise.all([toLocal(data, conn), toPod(conn, data), failing]);
    return await failing;
  } finally {
    await session.close();
  }
}

function streamHeaders(
  type: "error" | "data",
  port: number,
): ReadonlyMap<string, string> {
  return new Map([
    ["streamtype", type],
    ["port", String(port)],
    ["requestid", "0"],
  ]);
}

async function readText(stream: SpdyStream): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const bytes = await stream.read();
    if (bytes === undefined) return text + decoder.decode();
    text += decoder.decode(bytes, { stream: true });
  }
}

async function toLocal(data: SpdyStream, conn: Deno.TcpConn): Promise<void> {
  try {
    for (;;) {
      const bytes = await data.read();
      if (bytes === undefined) return await closeWrite(conn);
      await writeConn(conn, bytes);
    }
  } catch {
    await data.reset(); // who asked for it has left
  }
}

async function toPod(conn: Deno.TcpConn, data: SpdyStream): Promise<void> {
  try {
    for (;;) {
      const bytes = await readConn(conn);
      if (bytes === undefined) return await data.end();
      await data.write(bytes);
    }
  } catch {
    closeConn(conn); // the pod takes no more; why, the error stream may tell
  }
}
