import type { AbortOptions } from "../../../async/abort.ts";
import type { DuplexStream } from "../../../async/byte_stream.ts";
import { messageOf } from "../../../async/message_of.ts";
import { UnreachableError } from "../../errors.ts";
import type { Host } from "../host.ts";
import type { EngineInfo } from "./engine_info.ts";
import type { HttpClientOptions } from "./http_client.ts";
import { NoEngineError } from "./no_engine.ts";
import { processStream } from "./process_stream.ts";
import { findRelayScript, relayScript } from "./relay_script.ts";

type Dial = HttpClientOptions["dial"];

/** How an engine is reached. */
export interface EngineDial {
  /** Rejects with an `UnreachableError` when the engine does not answer. */
  readonly dial: Dial;
  readonly forwarding: EngineInfo["forwarding"];
}

/** Options of {@linkcode engineDial}. */
export interface EngineDialOptions extends AbortOptions {
  /** Starts the engine where nothing listens, for an engine that nobody else starts. */
  readonly revive?: (options: AbortOptions) => Promise<void>;
}

/**
 * Finds out how a socket on a host can be reached: by a channel of SSH; where sshd forbids these, by
 * a command on the host that copies between it and its standard streams. Each connection is then
 * one of the sessions that sshd limits (`MaxSessions`).
 */
export async function engineDial(
  host: Host,
  socket: string,
  { revive, signal }: EngineDialOptions,
): Promise<EngineDial> {
  const place = `"${socket}" on ${host.name}`;
  const address = { kind: "unix", path: socket } as const;
  const direct: Dial = async (options) => {
    try {
      return await host.dial(address, options);
    } catch (error) {
      const refused = error instanceof Deno.errors.ConnectionRefused;
      if (!refused || revive === undefined) throw error;
      await revive(options);
      return await host.dial(address, options);
    }
  };
  try {
    const first = await direct({ signal });
    const dial = orUnreachable(direct, place);
    return { dial: startingWith(first, dial), forwarding: "channel" };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof Deno.errors.PermissionDenied)) {
      throw unreachable(place, error);
    }
    const dial = orUnreachable(
      await relayDial(host, socket, { signal }),
      place,
    );
    return { dial, forwarding: "command" };
  }
}

/** The connection that was made to see whether one can be made is the first. */
function startingWith(first: DuplexStream, dial: Dial): Dial {
  let ready: DuplexStream | undefined = first;
  return async (options) => {
    const stream = ready;
    ready = undefined;
    return stream ?? await dial(options);
  };
}

function orUnreachable(dial: Dial, place: string): Dial {
  return async (options) => {
    try {
      return await dial(options);
    } catch (error) {
      options.signal.throwIfAborted();
      throw unreachable(place, error);
    }
  };
}

function unreachable(place: string, error: unknown): UnreachableError {
  if (error instanceof UnreachableError) return error;
  return new UnreachableError(
    `The engine at ${place} does not answer: ${messageOf(error)}`,
    { cause: error },
  );
}

async function relayDial(
  host: Host,
  socket: string,
  options: AbortOptions,
): Promise<Dial> {
  const { stdout } = await host.run(findRelayScript, [socket], options);
  const relay = stdout.trim();
  if (relay === "") {
    throw new NoEngineError(
      `sshd on ${host.name} forbids the forwarding of unix sockets, and the host has nothing to do without (nc with -N, docker, python3 or podman): set AllowStreamLocalForwarding yes in its sshd_config`,
    );
  }
  return async ({ signal }) => {
    // A command ends with its signal, and a connection outlives the request that it is made for.
    const life = new AbortController();
    const abort = () => life.abort(signal.reason);
    signal.throwIfAborted();
    signal.addEventListener("abort", abort, { once: true });
    try {
      return processStream(
        await host.spawn(relayScript, [socket, relay], life),
      );
    } finally {
      signal.removeEventListener("abort", abort);
    }
  };
}
