import type { AbortOptions } from "../../async/abort.ts";
import { delay } from "../../async/delay.ts";
import { getLogger } from "../../async/log.ts";
import { messageOf } from "../../async/message_of.ts";
import type { PortConnection } from "../../providers/runtime.ts";

/** Connects to a TCP port of the pod; aborting drops the connection. */
export type ConnectPort = (
  port: number,
  options: AbortOptions,
) => Promise<PortConnection>;

/** Options of everything that serves port-forwards. */
export interface PortForwardOptions extends AbortOptions {
  /** What the error messages call the pod: the kubelet gives its sandbox. */
  readonly pod?: string;
  /** The session ends when nothing was forwarded for so long; 4 hours by default. */
  readonly streamIdleTimeout?: number;
  /** How long a client may take to open both streams of a forward; 30 s by default. */
  readonly creationTimeout?: number;
}

/** As the kubelet's: cri-streaming, server.go. */
export const defaultStreamIdleTimeout = 4 * 60 * 60 * 1000;
export const defaultCreationTimeout = 30_000;

/** One channel of a forward: a stream of SPDY, or what stands for one in another protocol. */
export interface PortStream {
  /** Bytes to keep; undefined at the client's end, or when it is gone. */
  read(): Promise<Uint8Array | undefined>;
  /** Rejects when the client is gone, and after our end; also if there is nothing to write. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends our side. */
  end(): Promise<void>;
  /** Drops both sides. */
  reset(): Promise<void>;
}

/** What a client opens for one connection to a port. */
export interface PortStreams {
  readonly port: number;
  readonly data: PortStream;
  readonly error: PortStream;
}

const log = getLogger("kubelet");

/**
 * Connects to the port and copies both ways, each side's end on its own, until both have ended or
 * one is gone. Never rejects: a failure is told to the client on the error stream, in the
 * kubelet's words; a pod that resets the connection just resets the data stream, because kubectl
 * gives up every forward of its session when it reads an error.
 */
export async function forwardPort(
  { port, data, error }: PortStreams,
  connect: ConnectPort,
  { signal, pod = "" }: PortForwardOptions,
): Promise<void> {
  const stop = new AbortController();
  const scope = AbortSignal.any([signal, stop.signal]);
  try {
    const connection = await connect(port, { signal: scope });
    await relay(connection, { data, error, stop, scope });
    stop.signal.throwIfAborted();
  } catch (failure) {
    if (!signal.aborted && !(failure instanceof ClientGone)) {
      log.debug("Cannot forward a port", { port, failure });
      if (!isReset(failure)) {
        const why = `${pod}, uid : ${messageOf(failure)}`;
        await tell(error, `error forwarding port ${port} to pod ${why}`);
      }
    }
    await settled(data.reset());
  } finally {
    stop.abort();
    await settled(data.end());
    await settled(error.end());
  }
}

/** Writes `message` to an error stream; nothing if the client is gone. */
export async function tell(error: PortStream, message: string): Promise<void> {
  await settled(error.write(new TextEncoder().encode(message)));
}

/** Resolves once `lastActivityAt()` was `timeout` milliseconds ago, or when aborted. */
export async function untilIdle(
  lastActivityAt: () => number,
  timeout: number,
  { signal }: AbortOptions,
): Promise<void> {
  while (!signal.aborted) {
    const left = lastActivityAt() + timeout - Date.now();
    if (left <= 0) return;
    await delay(left, { signal }).catch(() => undefined); // aborted: the loop ends
  }
}

/** The client has reset a stream, or left altogether. */
class ClientGone extends Error {
  override readonly name = "ClientGone";
}

/** Never rejects: a failure of either direction aborts `stop` with it, and that the other one. */
async function relay(
  { readable, writable }: PortConnection,
  { data, error, stop, scope }: Omit<PortStreams, "port"> & {
    readonly stop: AbortController;
    readonly scope: AbortSignal;
  },
): Promise<void> {
  const reader = readable.getReader();
  const writer = writable.getWriter();
  let podEnded = false;

  async function fromPod(): Promise<void> {
    for (;;) {
      const { done, value } = await reader.read();
      if (scope.aborted) return;
      if (done) break;
      await toClient(data, value);
    }
    podEnded = true;
    await settled(data.end());
    // A client lets go of its side only after the end of this one (client-go, portforward.go).
    await settled(error.end());
  }

  async function toPod(): Promise<void> {
    for (;;) {
      const chunk = await data.read();
      if (chunk === undefined) break;
      await writer.write(chunk);
    }
    // A stream that was reset seems to end, but takes nothing any more.
    if (!podEnded) await toClient(data, new Uint8Array());
    await writer.close();
  }

  const letGo = () => {
    settled(reader.cancel(scope.reason));
    settled(writer.abort(scope.reason));
    settled(data.reset());
  };
  scope.addEventListener("abort", letGo, { once: true });
  if (scope.aborted) letGo();
  const abort = (failure: unknown) => stop.abort(failure);
  await Promise.all([fromPod().catch(abort), toPod().catch(abort)]);
  scope.removeEventListener("abort", letGo);
}

async function toClient(data: PortStream, bytes: Uint8Array): Promise<void> {
  try {
    await data.write(bytes);
  } catch (cause) {
    throw new ClientGone("The client takes no more", { cause });
  }
}

/** A connection that was open and is no more. */
function isReset(failure: unknown): boolean {
  return failure instanceof Deno.errors.ConnectionReset ||
    failure instanceof Deno.errors.ConnectionAborted ||
    failure instanceof Deno.errors.BrokenPipe;
}

/** Waits for a goodbye, which fails if there is nobody to say it to. */
async function settled(goodbye: Promise<unknown>): Promise<void> {
  try {
    await goodbye;
  } catch (error) {
    log.debug("A port-forward has lost its other side", { error });
  }
}
