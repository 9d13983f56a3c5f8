import type { AbortOptions } from "../../../async/abort.ts";
import { UnreachableError } from "../../errors.ts";
import { eventLine } from "./api_types.ts";
import type { EngineApi } from "./engine_api.ts";
import { jsonLines } from "./json_lines.ts";

/** What an engine tells of a container. */
export interface EngineEvent {
  readonly id: string;
  /** Such as `start`, `die` (`died` where Podman is old) and `destroy` (`remove`). */
  readonly action: string;
  /** Nanoseconds since 1970, by the clock of the host. */
  readonly timeNano: number;
  /** The labels of the container, and what else the engine says of it. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** Which events to tell of. */
export interface EventOptions extends AbortOptions {
  /** Those of containers with all of these, as `key` or `key=value`. */
  readonly labels: readonly string[];
  /** Nanoseconds since 1970 by the clock of the host: events from then on come first. */
  readonly since?: number;
}

/**
 * What changes the state of a container, in the words of both engines. Not what each command in it
 * causes: probes would cause a stream of these, and Docker tells their arguments.
 */
const actions = [
  ...["create", "start", "restart", "pause", "unpause", "rename"],
  ...["oom", "die", "died", "stop", "destroy", "remove"],
];

/** As `EngineClient.events()`. */
export async function* readEvents(
  api: EngineApi,
  { labels, since, signal }: EventOptions,
): AsyncGenerator<EngineEvent> {
  const filters = JSON.stringify({
    type: ["container"],
    event: actions,
    label: labels,
  });
  const body = await api.stream({
    what: "follow the events",
    method: "GET",
    path: "/events",
    query: {
      filters,
      since: since === undefined ? undefined : seconds(since),
      // Podman's own, for which it is not the default in every version.
      stream: true,
    },
  }, { signal });
  for await (const line of jsonLines(body)) {
    const event = eventLine.parse(line);
    const id = event.Actor?.ID ?? event.id;
    const action = event.Action ?? event.status;
    if (id === undefined || action === undefined) continue;
    yield {
      id,
      action,
      timeNano: event.timeNano ?? (event.time ?? 0) * 1e9,
      attributes: event.Actor?.Attributes ?? {},
    };
  }
  signal.throwIfAborted();
  throw new UnreachableError(
    `Cannot follow the events: ${api.name} ended them`,
  );
}

/** As engines take times. A number of nanoseconds has an error of some 100: it is rounded down. */
function seconds(nanos: number): string {
  const micros = Math.max(0, Math.floor(nanos / 1000) - 1);
  const fraction = String(micros % 1e6).padStart(6, "0");
  return `${Math.floor(micros / 1e6)}.${fraction}000`;
}
