import type { AbortOptions } from "../../async/abort.ts";
import { Semaphore } from "../../async/semaphore.ts";
import type { LogOptions } from "../runtime.ts";
import type { LogConfig } from "./create_body.ts";
import type { ContainerInspect } from "./engine/api_types.ts";
import type { EngineClient } from "./engine/engine_client.ts";
import type { EngineInfo } from "./engine/engine_info.ts";
import { readEngineLog } from "./engine_log.ts";
import { type LogFilePlace, readFileLog } from "./file_log.ts";
import type { Host } from "./host.ts";
import { LogPoller } from "./log_poller.ts";
import { isPlain, readPlainLog } from "./plain_log.ts";
import { readPolledLog } from "./polled_log.ts";

/** How containers keep their output: in files which the engine bounds, half a GB a container. */
export function logConfig({ kind }: Pick<EngineInfo, "kind">): LogConfig {
  switch (kind) {
    case "docker":
      return {
        Type: "json-file",
        Config: { "max-size": "100m", "max-file": "5" },
      };
    case "podman":
      // Its conmon keeps one file, and begins it anew when it is full.
      return { Type: "k8s-file", Config: { "max-size": "500m" } };
  }
}

/** What of an engine logs need. */
export type LogEngine = Pick<EngineClient, "containerLogs" | "info">;

/**
 * Sessions of SSH that readers of logs may hold at once. They are few, commands need some, and
 * nobody knows how slowly people read.
 */
const maxSessions = 3;

/** The logs of the containers on a host. */
export class ContainerLogs {
  readonly #host: Host;
  readonly #sessions = new Semaphore(maxSessions);
  readonly #poller: LogPoller;

  constructor(host: Host) {
    this.#host = host;
    this.#poller = new LogPoller(host);
  }

  /**
   * The log of a container as people read it, until it ends or, with `follow`, until the container
   * has. Which container it is was chosen: `previous` says nothing. Nothing is read before it is
   * asked for.
   *
   * Podman's file is read where it can be: that is many times as fast as its API, whose times have
   * no fraction, and which loses lines when many follow. Those for whom there is no session left
   * share one.
   */
  read(
    engine: LogEngine,
    inspect: ContainerInspect,
    options: LogOptions & AbortOptions,
  ): ReadableStream<Uint8Array> {
    const stop = new AbortController();
    const signal = AbortSignal.any([options.signal, stop.signal]);
    const chunks = this.#chunks(engine, inspect, { ...options, signal });
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        stop.abort();
        await chunks.return();
      },
    }, { highWaterMark: 0 });
  }

  async *#chunks(
    engine: LogEngine,
    inspect: ContainerInspect,
    options: LogOptions & AbortOptions,
  ): AsyncGenerator<Uint8Array, void> {
    const { LogPath: path = "", State } = inspect;
    const isFile = engine.info.kind === "podman" && path !== "";
    if (isFile) {
      const pid = State.Pid ?? 0;
      const place = { path, ...(pid > 0 ? { pid } : {}) };
      let readable = true;
      for await (const chunk of this.#file(place, options)) {
        if (chunk === "unreadable") readable = false;
        else yield chunk;
      }
      if (readable) return;
    }
    yield* readEngineLog(engine, inspect, options);
  }

  async *#file(
    place: LogFilePlace,
    options: LogOptions & AbortOptions,
  ): AsyncGenerator<Uint8Array | "unreadable", void> {
    if (this.#sessions.free === 0) {
      return yield* readPolledLog(this.#poller, place, options);
    }
    using _session = await this.#sessions.acquire(options);
    if (isPlain(options)) {
      let done = true;
      for await (
        const chunk of readPlainLog(this.#host, place.path, options)
      ) {
        if (chunk === "declined") done = false;
        else yield chunk;
      }
      if (done) return;
    }
    yield* readFileLog(this.#host, place, options);
  }
}
