import type { AbortOptions } from "../../../async/abort.ts";
import type { Host } from "../host.ts";
import { EngineApi } from "./engine_api.ts";
import { EngineClient } from "./engine_client.ts";
import { engineDial, type EngineDialOptions } from "./engine_dial.ts";
import { HttpClient } from "./http_client.ts";
import { NoEngineError } from "./no_engine.ts";
import { startPrivateService } from "./private_service.ts";
import { readInfo } from "./read_info.ts";
import { noEngineMessage, parseSearch, searchScript } from "./search_script.ts";

/** Options of {@linkcode openEngine}. */
export interface OpenEngineOptions extends AbortOptions {
  /**
   * The path of the engine's socket on the host; found unless given. Who opens the engine of a node
   * again names the one it had: on a host with two, the other knows nothing of its containers.
   */
  readonly socket?: string;
}

/** The oldest API that farlet speaks: that of Docker 19.03 and Podman 3. */
const oldestApi = "1.40";
/** The newest that farlet was written for. */
const newestApi = "1.48";
/** A connection costs one of the few sessions of SSH where channels are forbidden. */
const limits = {
  channel: { maxIdle: 4, maxRequests: 16 },
  command: { maxIdle: 2, maxRequests: 2 },
} as const;

/**
 * Finds the engine of a host: the configured socket; else that of `DOCKER_HOST`; else that of
 * Docker or Podman, the system's before the user's own; else starts a service of Podman's for
 * farlet alone.
 *
 * @throws {NoEngineError} That says what was looked for, and the remedy.
 * @throws {UnreachableError} When the host, or the engine behind its socket, does not answer.
 */
export async function openEngine(
  host: Host,
  { socket, signal }: OpenEngineOptions,
): Promise<EngineClient> {
  const { stdout } = await host.run(searchScript, [socket ?? ""], { signal });
  const search = parseSearch(stdout);
  const own = search.privateSocket;
  let failure: unknown;
  for (const path of search.sockets.filter((path) => path !== own)) {
    try {
      return await openSocket(host, path, { signal });
    } catch (error) {
      signal.throwIfAborted();
      if (host.reachability.kind === "unreachable") throw error;
      failure ??= error;
    }
  }
  // An engine that is down for a moment must not have another started in its place.
  const mayStart = socket === undefined
    ? failure === undefined && !search.dockerForbidden
    : socket === own;
  if (search.hasPodman && mayStart) {
    const path = await startPrivateService(host, { signal });
    const revive = async (options: AbortOptions) => {
      await startPrivateService(host, options);
    };
    return await openSocket(host, path, { revive, signal });
  }
  if (failure !== undefined) throw failure;
  throw new NoEngineError(noEngineMessage(host.name, search, socket));
}

/** The engine behind a socket that is known. */
async function openSocket(
  host: Host,
  socket: string,
  { signal, ...rest }: EngineDialOptions,
): Promise<EngineClient> {
  const { dial, forwarding } = await engineDial(host, socket, {
    ...rest,
    signal,
  });
  const { maxIdle, maxRequests } = limits[forwarding];
  const http = new HttpClient({ dial, maxIdle });
  try {
    const place = `"${socket}" on ${host.name}`;
    const { headers } = await new EngineApi({ http, name: place }).do({
      what: "ask what answers there",
      method: "GET",
      path: "/_ping",
    }, { signal });
    const kind = headers.has("libpod-api-version") ? "podman" : "docker";
    const apiVersion = agreedVersion(headers.get("api-version") ?? "", place);
    const title = kind === "podman" ? "Podman" : "Docker";
    const name = `${title} on ${host.name}`;
    const version = apiVersion;
    const api = new EngineApi({ http, name, version, maxRequests });
    const reported = await readInfo(api, { signal });
    return new EngineClient(api, {
      ...reported,
      ...{ kind, apiVersion, socket, forwarding },
    });
  } catch (error) {
    http.closeIdle();
    throw error;
  }
}

function agreedVersion(offered: string, place: string): string {
  if (!/^\d+\.\d+$/.test(offered)) {
    throw new NoEngineError(
      `What answers at ${place} is neither Docker nor Podman`,
    );
  }
  if (isOlder(offered, oldestApi)) {
    throw new NoEngineError(
      `The engine at ${place} speaks API ${offered}, and farlet needs ${oldestApi}: update it to Docker 19.03, Podman 3 or newer`,
    );
  }
  return isOlder(newestApi, offered) ? newestApi : offered;
}

function isOlder(a: string, b: string): boolean {
  const [majorA = 0, minorA = 0] = a.split(".").map(Number);
  const [majorB = 0, minorB = 0] = b.split(".").map(Number);
  return majorA === majorB ? minorA < minorB : majorA < majorB;
}
