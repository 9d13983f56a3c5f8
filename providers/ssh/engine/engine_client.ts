import * as z from "zod";
import type { AbortOptions } from "../../../async/abort.ts";
import type { DuplexStream } from "../../../async/byte_stream.ts";
import {
  type ContainerInspect,
  containerInspect,
  type ContainerStats,
  containerStats,
  type ContainerSummary,
  containerSummary,
  created,
  type DiskUsage,
  diskUsage,
  type ExecInspect,
  type ImageInspect,
  imageInspect,
  type ImageSummary,
  imageSummary,
} from "./api_types.ts";
import type { EngineApi } from "./engine_api.ts";
import { EngineError } from "./engine_error.ts";
import {
  type EngineEvent,
  type EventOptions,
  readEvents,
} from "./engine_event.ts";
import type { EngineInfo } from "./engine_info.ts";
import {
  attach,
  type AttachOptions,
  containerPath,
  execCreate,
  type ExecOptions,
  execResize,
  execStart,
  inspectExec,
  resizeContainer,
  type Size,
} from "./process_requests.ts";
import { readInfo } from "./read_info.ts";
import { type EngineLimits, updateContainer } from "./update_request.ts";
import {
  imagePath,
  loadImage,
  pullOnce,
  type PullRequest,
} from "./transfer.ts";

/** Which part of a container's log to read, and how. */
export interface EngineLogOptions extends AbortOptions {
  /** Whether to go on until the container ends; false unless given. */
  readonly follow?: boolean;
  /** Both unless given. */
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  /** In seconds since 1970, with a fraction. */
  readonly since?: number;
  readonly until?: number;
  /** Only the last so many lines. */
  readonly tail?: number;
  /** Whether each line starts with its RFC 3339 time and a space; false unless given. */
  readonly timestamps?: boolean;
}

/**
 * The API that Docker and Podman share (https://docs.docker.com/reference/api/engine/).
 *
 * What an engine refuses is an `EngineError`; one that cannot be reached, an `UnreachableError`. It
 * outlives its connections and restarts of the engine: the next request connects again.
 */
export class EngineClient {
  /** As it was when the engine was opened. */
  readonly info: EngineInfo;
  readonly #api: EngineApi;

  constructor(api: EngineApi, info: EngineInfo) {
    this.#api = api;
    this.info = info;
  }

  /** For messages: `Podman on root@10.0.0.7`. */
  get name(): string {
    return this.#api.name;
  }

  /** Closes the connections that are not in use. */
  closeIdle(): void {
    this.#api.closeIdle();
  }

  /** Asks whether the engine answers. */
  async ping(options: AbortOptions): Promise<void> {
    const what = "ask whether the engine answers";
    await this.#api.do({ what, method: "GET", path: "/_ping" }, options);
  }

  /** What the engine is now. */
  async readInfo(options: AbortOptions): Promise<EngineInfo> {
    return { ...this.info, ...await readInfo(this.#api, options) };
  }

  /** What the engine keeps on disk. */
  async diskUsage(options: AbortOptions): Promise<DiskUsage> {
    return await this.#api.json(
      { what: "read the disk usage", method: "GET", path: "/system/df" },
      diskUsage,
      options,
    );
  }

  /** Containers with all of the labels (`key` or `key=value`), running or not. */
  async listContainers(
    { labels, signal }: AbortOptions & { readonly labels: readonly string[] },
  ): Promise<readonly ContainerSummary[]> {
    const filters = JSON.stringify({ label: labels });
    return await this.#api.json(
      {
        what: "list containers",
        method: "GET",
        path: "/containers/json",
        query: { all: true, filters },
      },
      z.array(containerSummary),
      { signal },
    );
  }

  /** By ID or name; undefined when there is none. */
  async inspectContainer(
    id: string,
    options: AbortOptions,
  ): Promise<ContainerInspect | undefined> {
    return await this.#api.find(
      {
        what: `inspect container ${id}`,
        method: "GET",
        path: containerPath(id, "json"),
      },
      containerInspect,
      options,
    );
  }

  /** Creates a container and resolves its ID. */
  async createContainer(
    name: string,
    body: unknown,
    options: AbortOptions,
  ): Promise<string> {
    const { Id } = await this.#api.json(
      {
        what: `create container ${name}`,
        method: "POST",
        path: "/containers/create",
        query: { name },
        json: body,
      },
      created,
      options,
    );
    return Id;
  }

  /** Starts a container; nothing if it runs. */
  async startContainer(id: string, options: AbortOptions): Promise<void> {
    await this.#api.do({
      what: `start container ${id}`,
      method: "POST",
      path: containerPath(id, "start"),
      repeatable: true,
    }, options);
  }

  /** Sends a signal; an `EngineError` when the container does not run. */
  async killContainer(
    id: string,
    signalName: string,
    options: AbortOptions,
  ): Promise<void> {
    await this.#api.do({
      what: `send ${signalName} to container ${id}`,
      method: "POST",
      path: containerPath(id, "kill"),
      query: { signal: signalName },
    }, options);
  }

  /** Changes what a running container may use; what is absent stays as it is. */
  async updateContainer(
    id: string,
    limits: EngineLimits & AbortOptions,
  ): Promise<void> {
    await updateContainer(this.#api, this.info, id, limits);
  }

  /**
   * Mounts the root of a container that does not run on the host, until it is removed, and resolves
   * where. Podman only, with root.
   */
  async mountContainer(id: string, options: AbortOptions): Promise<string> {
    const request = {
      what: `mount container ${id}`,
      method: "POST",
      path: `/libpod${containerPath(id, "mount")}`,
    } as const;
    const { text } = await this.#api.do(request, options);
    // It is written as text, and said to be JSON.
    return text.trim().replaceAll('"', "");
  }

  async renameContainer(
    id: string,
    name: string,
    options: AbortOptions,
  ): Promise<void> {
    await this.#api.do({
      what: `rename container ${id} to ${name}`,
      method: "POST",
      path: containerPath(id, "rename"),
      query: { name },
    }, options);
  }

  /**
   * Removes a container with its anonymous volumes; nothing if it is gone. `force` kills it before;
   * else one that runs is an `EngineError`.
   */
  async removeContainer(
    id: string,
    { force, signal }: AbortOptions & { readonly force: boolean },
  ): Promise<void> {
    const request = {
      what: `remove container ${id}`,
      method: "DELETE",
      path: containerPath(id),
      query: { force, v: true },
    } as const;
    await unlessGone(this.#api.do(request, { signal }));
  }

  /**
   * The log as the engine frames it: see `demultiplex()`, unless the container has a terminal.
   * While a log that is followed is empty, Podman does not let this resolve.
   */
  async containerLogs(
    id: string,
    { follow = false, stdout = true, stderr = true, signal, ...part }:
      EngineLogOptions,
  ): Promise<ReadableStream<Uint8Array>> {
    const { since, until, tail, timestamps = false } = part;
    return await this.#api.stream({
      what: `read the log of container ${id}`,
      method: "GET",
      path: containerPath(id, "logs"),
      query: { follow, stdout, stderr, since, until, tail, timestamps },
    }, { signal });
  }

  /** Connects to the streams of a container's own process. Aborting drops it, also later. */
  attach(id: string, options: AttachOptions): Promise<DuplexStream> {
    return attach(this.#api, id, options);
  }

  /** Sets the size of the terminal of a container's own process. */
  async resizeContainer(
    id: string,
    size: Size,
    options: AbortOptions,
  ): Promise<void> {
    await resizeContainer(this.#api, id, { ...size, ...options });
  }

  /** What a container uses now; undefined when there is none, and from Podman when it does not run. */
  async containerStats(
    id: string,
    options: AbortOptions,
  ): Promise<ContainerStats | undefined> {
    return await this.#api.find(
      {
        what: `read the usage of container ${id}`,
        method: "GET",
        path: containerPath(id, "stats"),
        query: { stream: false, "one-shot": true },
      },
      containerStats,
      options,
    );
  }

  /** Prepares a further process in a running container and resolves its ID. */
  execCreate(
    id: string,
    exec: ExecOptions,
    options: AbortOptions,
  ): Promise<string> {
    return execCreate(this.#api, id, { ...exec, ...options });
  }

  /** Starts it and connects to its streams. Aborting drops them, also later, and ends nothing. */
  execStart(
    execId: string,
    options: AbortOptions & { readonly tty: boolean },
  ): Promise<DuplexStream> {
    return execStart(this.#api, execId, options);
  }

  /** Undefined once the engine has forgotten it. */
  execInspect(
    execId: string,
    options: AbortOptions,
  ): Promise<ExecInspect | undefined> {
    return inspectExec(this.#api, execId, options);
  }

  /** Sets the size of its terminal. */
  async execResize(
    execId: string,
    size: Size,
    options: AbortOptions,
  ): Promise<void> {
    await execResize(this.#api, execId, { ...size, ...options });
  }

  /** By name or ID; undefined when the engine has no such image. */
  async inspectImage(
    name: string,
    options: AbortOptions,
  ): Promise<ImageInspect | undefined> {
    return await this.#api.find(
      {
        what: `inspect image "${name}"`,
        method: "GET",
        path: `${imagePath(name)}/json`,
      },
      imageInspect,
      options,
    );
  }

  async listImages(options: AbortOptions): Promise<readonly ImageSummary[]> {
    return await this.#api.json(
      { what: "list images", method: "GET", path: "/images/json" },
      z.array(imageSummary),
      options,
    );
  }

  /** Asks a registry for an image once; see `pullImage()` for what a pod wants. */
  async pullOnce(request: PullRequest, options: AbortOptions): Promise<void> {
    await pullOnce(this.#api, request, options);
  }

  /** Loads an archive as `docker save` writes it. */
  async loadImage(
    archive: ReadableStream<Uint8Array>,
    options: AbortOptions,
  ): Promise<void> {
    await loadImage(this.#api, archive, options);
  }

  /**
   * Removes a name of an image, and the image with its last name; nothing if it is gone. An
   * `EngineError` when a container uses it.
   */
  async removeImage(
    name: string,
    { force, signal }: AbortOptions & { readonly force: boolean },
  ): Promise<void> {
    const request = {
      what: `remove image "${name}"`,
      method: "DELETE",
      path: imagePath(name),
      query: { force },
    } as const;
    await unlessGone(this.#api.do(request, { signal }));
  }

  /**
   * What happens to containers with all of the labels, from now on or since a moment. Goes on until
   * aborted; ends with an `UnreachableError` when the connection is lost.
   */
  events(options: EventOptions): AsyncGenerator<EngineEvent> {
    return readEvents(this.#api, options);
  }
}

async function unlessGone(removal: Promise<unknown>): Promise<void> {
  try {
    await removal;
  } catch (error) {
    if (!(error instanceof EngineError) || !error.isNotFound) throw error;
  }
}
