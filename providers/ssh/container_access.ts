import type { AbortOptions } from "../../async/abort.ts";
import type { ContainerResources } from "../container_spec.ts";
import type {
  ContainerAccess,
  ContainerRef,
  LogOptions,
  PortConnection,
  ProcessStreams,
} from "../runtime.ts";
import type { RuntimeStats } from "../samples.ts";
import { attachToContainer } from "./attach.ts";
import { ContainerLogs } from "./container_log.ts";
import { updateLimits } from "./container_limits.ts";
import type { ContainerRecord } from "./container_record.ts";
import type { EngineClient } from "./engine/engine_client.ts";
import { execInContainer } from "./exec.ts";
import type { Host } from "./host.ts";
import type { Inventory } from "./inventory.ts";
import { byAttempt, newestSandbox } from "./observe.ts";
import type { PodFiles } from "./pod_files.ts";
import { connectToPod } from "./port_forward.ts";
import { ContainerUsage } from "./stats.ts";

/** What {@linkcode SshAccess} works with. */
export interface AccessParts {
  readonly host: Host;
  readonly engine: () => EngineClient;
  readonly inventory: Inventory;
  readonly files: PodFiles;
}

/** What people and metrics servers may do with the containers of a node. */
export class SshAccess implements Required<ContainerAccess>, AsyncDisposable {
  readonly #parts: AccessParts;
  readonly #logs: ContainerLogs;
  readonly #usage: ContainerUsage;

  constructor(parts: AccessParts) {
    this.#parts = parts;
    this.#logs = new ContainerLogs(parts.host);
    this.#usage = new ContainerUsage(parts.host, parts.engine);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#usage[Symbol.asyncDispose]();
  }

  /** The newest run of a container that was started; undefined if there is none. */
  async newestRun(
    ref: ContainerRef,
    options: AbortOptions,
  ): Promise<ContainerRecord | undefined> {
    return (await this.#runs(ref, options)).at(-1);
  }

  /** As `ContainerRuntime.readLogs()`. */
  readLogs(
    ref: ContainerRef,
    options: LogOptions & AbortOptions,
  ): ReadableStream<Uint8Array> {
    return later(async () => {
      const engine = this.#parts.engine();
      const runs = await this.#runs(ref, options);
      const run = runs.at(options.previous ? -2 : -1);
      const inspect = run && await engine.inspectContainer(run.id, options);
      if (inspect === undefined) throw noLog(ref, options.previous);
      return this.#logs.read(engine, inspect, options);
    });
  }

  async exec(
    ref: ContainerRef,
    command: readonly string[],
    options: ProcessStreams & AbortOptions,
  ): Promise<number> {
    const { host, engine } = this.#parts;
    const { id } = await this.#running(ref, options);
    return await execInContainer(engine(), host, id, command, options);
  }

  /** As `ContainerRuntime.updateContainer()`. */
  async update(
    ref: ContainerRef,
    resources: ContainerResources,
    options: AbortOptions,
  ): Promise<void> {
    const run = await this.newestRun(ref, options);
    if (run?.state.kind !== "running") return;
    await updateLimits(this.#parts.engine(), run, resources, options);
  }

  async attach(
    ref: ContainerRef,
    options: ProcessStreams & AbortOptions,
  ): Promise<void> {
    const { engine } = this.#parts;
    const { id, tty, stdinOnce } = await this.#running(ref, options);
    await attachToContainer(engine(), id, { tty, stdinOnce }, options);
  }

  async portForward(
    podUid: string,
    port: number,
    options: AbortOptions,
  ): Promise<PortConnection> {
    const { host, inventory } = this.#parts;
    const engine = this.#parts.engine();
    const sandbox = newestSandbox(await inventory.pod(podUid, options));
    const inspect = sandbox?.state.kind === "running"
      ? await engine.inspectContainer(sandbox.id, options)
      : undefined;
    if (inspect !== undefined) {
      return await connectToPod(engine, host, inspect, port, options);
    }
    throw new Deno.errors.NotFound(
      `Cannot connect to port ${port}: the pod does not run`,
    );
  }

  async stats(options: AbortOptions): Promise<RuntimeStats> {
    const { inventory, files } = this.#parts;
    const records = await inventory.all(options);
    const running = records.filter(({ state }) => state.kind === "running");
    return await this.#usage.sample(running, files.placedVolumes(), options);
  }

  /** The runs of a container that were started, oldest first. */
  async #runs(
    { podUid, container }: ContainerRef,
    options: AbortOptions,
  ): Promise<readonly ContainerRecord[]> {
    const records = await this.#parts.inventory.pod(podUid, options);
    return records.filter((record) =>
      record.container === container && record.state.kind !== "created"
    ).toSorted(byAttempt);
  }

  async #running(
    ref: ContainerRef,
    options: AbortOptions,
  ): Promise<ContainerRecord> {
    const run = await this.newestRun(ref, options);
    if (run?.state.kind === "running") return run;
    throw new Deno.errors.NotFound(
      `Cannot connect to container "${ref.container}": it does not run`,
    );
  }
}

/** The stream that `open` resolves to, opened when it is first read. */
function later(
  open: () => Promise<ReadableStream<Uint8Array>>,
): ReadableStream<Uint8Array> {
  let opened: Promise<ReadableStreamDefaultReader<Uint8Array>> | undefined;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      opened ??= open().then((stream) => stream.getReader());
      const { done, value } = await (await opened).read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel(reason) {
      await (await opened)?.cancel(reason);
    },
  }, { highWaterMark: 0 });
}

function noLog({ container }: ContainerRef, previous: boolean): Error {
  const which = previous ? "previous run of container" : "container";
  return new Deno.errors.NotFound(
    `Cannot read the log of ${which} "${container}": there is none`,
  );
}
