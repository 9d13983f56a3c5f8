import type { AbortOptions } from "../../async/abort.ts";
import { RuntimeError } from "../errors.ts";
import type { SandboxSpec } from "../container_spec.ts";
import type { SandboxOptions } from "../runtime.ts";
import type { ContainerRecord } from "./container_record.ts";
import type { LogConfig } from "./create_body.ts";
import { removeContainer } from "./create_container.ts";
import type { EngineClient } from "./engine/engine_client.ts";
import { hostsFile } from "./hosts_file.ts";
import type { Inventory } from "./inventory.ts";
import { engineName, label, ofNode, ownerOf } from "./labels.ts";
import { newestSandbox } from "./observe.ts";
import type { OomProtection } from "./oom_protection.ts";
import type { PauseImage } from "./pause_image.ts";
import type { PodFiles } from "./pod_files.ts";
import { resolvConf } from "./resolv_conf.ts";
import { sandboxBody } from "./sandbox_body.ts";
import type { SandboxRelays } from "./sandbox_relays.ts";
import { startContainer } from "./start_container.ts";
import type { Stopping } from "./stopping.ts";

/** What the sandboxes of a node are made with. */
export interface SandboxParts {
  readonly node: string;
  readonly engine: () => EngineClient;
  readonly inventory: Inventory;
  readonly stopping: Stopping;
  readonly files: PodFiles;
  readonly protection: OomProtection;
  readonly logConfig: () => LogConfig;
  /** The name of the pause image, which is on the host then. */
  readonly pauseImage: Pick<PauseImage, "ensure" | "forget">;
  readonly relays: SandboxRelays;
}

/** The sandboxes of a node: each is a container that holds the namespaces of its pod. */
export class Sandboxes {
  readonly #parts: SandboxParts;
  /** Sandboxes of which this agent knows that their files are written, by ID. */
  readonly #complete = new Set<string>();
  /** Removals of files without a pod, by UID: a pod that comes now waits for the end of it. */
  readonly #removals = new Map<string, Promise<void>>();
  /** Pods whose sandboxes are being made. */
  readonly #making = new Set<string>();

  constructor(parts: SandboxParts) {
    this.#parts = parts;
  }

  /**
   * The pod's sandbox, if containers can be started in it. One without containers that an earlier
   * agent left may lack its files, and does not count until {@linkcode Sandboxes.ensure} wrote them.
   */
  usable(records: readonly ContainerRecord[]): ContainerRecord | undefined {
    const sandbox = newestSandbox(records);
    if (sandbox?.state.kind !== "running") return undefined;
    const hasContainers = records.some((record) =>
      record.sandbox === sandbox.id
    );
    return hasContainers || this.#complete.has(sandbox.id)
      ? sandbox
      : undefined;
  }

  /** As `ContainerRuntime.createSandbox()`. */
  async ensure(spec: SandboxSpec, options: SandboxOptions): Promise<void> {
    this.#making.add(spec.uid);
    try {
      await this.#removals.get(spec.uid);
      await this.#ensure(spec, options);
    } finally {
      this.#making.delete(spec.uid);
    }
  }

  async #ensure(spec: SandboxSpec, options: SandboxOptions): Promise<void> {
    const { inventory, stopping } = this.#parts;
    const records = await inventory.pod(spec.uid, options);
    if (this.usable(records) !== undefined) return;
    const newest = newestSandbox(records);
    if (newest?.state.kind === "running") {
      return await this.#writeFiles(spec, newest, options);
    }
    // Containers that still run have no network any more: they end before there is a new one.
    const orphans = records.filter(({ kind, state }) =>
      kind === "container" && state.kind === "running"
    );
    await Promise.all(
      orphans.map((record) =>
        stopping.stop(record, { ...options, graceSeconds: 0 })
      ),
    );
    const sandbox = await this.#start(spec, newest, options);
    await this.#writeFiles(spec, sandbox, options);
  }

  /** As `ContainerRuntime.removeSandbox()`; what the engine has now counts, not what is known. */
  async remove(uid: string, options: AbortOptions): Promise<void> {
    const { engine, files, inventory, node } = this.#parts;
    const found = await engine().listContainers({
      ...options,
      labels: [...ofNode(node), `${label.podUid}=${uid}`],
    });
    const maker = { engine: engine(), inventory };
    const remove = ({ Id }: { readonly Id: string }) =>
      removeContainer(maker, Id, options);
    const { sandbox = [], container = [], volume = [] } = Object.groupBy(
      found,
      ({ Labels, Names = [] }) => ownerOf(Labels, Names)?.kind ?? "foreign",
    );
    // Podman does not part from a sandbox while there are containers of it.
    await Promise.all(container.map(remove));
    await Promise.all([files.removePod(uid, options), ...sandbox.map(remove)]);
    // What they keep was mounted among the files.
    await Promise.all(volume.map(remove));
  }

  /** As `ContainerRuntime.endSandbox()`. A sandbox that has stopped has been through this. */
  async end(uid: string, options: AbortOptions): Promise<void> {
    const { files, inventory, stopping } = this.#parts;
    const records = await inventory.pod(uid, options);
    const running = records.filter(({ state }) => state.kind === "running");
    if (running.some(({ kind }) => kind === "container")) return;
    if (running.length === 0) return;
    await files.removeVolumes(uid, options);
    await Promise.all(
      running.map((record) =>
        stopping.stop(record, { ...options, graceSeconds: 0 })
      ),
    );
  }

  /** Lets go of what is known of a sandbox that is gone. */
  forget(id: string): void {
    this.#complete.delete(id);
  }

  /** Removes the files of a pod that has nothing else. */
  async removeFiles(uid: string, options: AbortOptions): Promise<void> {
    if (this.#making.has(uid) || this.#removals.has(uid)) return;
    const removed = this.#parts.files.removePod(uid, options);
    this.#removals.set(uid, removed.catch(() => undefined)); // reported below
    try {
      await removed;
    } finally {
      this.#removals.delete(uid);
    }
  }

  async #start(
    spec: SandboxSpec,
    newest: ContainerRecord | undefined,
    options: AbortOptions,
  ): Promise<ContainerRecord> {
    const { engine, inventory, protection } = this.#parts;
    const [image, relay] = await Promise.all([
      this.#parts.pauseImage.ensure(options),
      this.#parts.relays.of(spec, options),
    ]);
    const maker = { engine: engine(), inventory };
    if (newest?.state.kind === "created") {
      await removeContainer(maker, newest.id, options);
    }
    const attempt = newest === undefined
      ? 0
      : newest.attempt + (newest.state.kind === "created" ? 0 : 1);
    const name = engineName({
      pod: spec,
      kind: "sandbox",
      container: "",
      attempt,
    });
    const body = (protects: boolean) =>
      sandboxBody(spec, {
        image,
        ...(relay === undefined ? {} : { relay }),
        node: this.#parts.node,
        attempt,
        engine: maker.engine.info,
        protects,
        logConfig: this.#parts.logConfig(),
      });
    const started = await startContainer(
      maker,
      { name, body, protection },
      options,
    ).catch((error) => {
      // Perhaps somebody removed the pause image.
      this.#parts.pauseImage.forget();
      throw error;
    });
    if (started.kind === "failed") {
      const { id, error } = started;
      await removeContainer(maker, id, options);
      throw sandboxError(error.engineMessage, { cause: error });
    }
    const made = await inventory.inspect(started.id, options);
    if (made?.state.kind === "running") return made;
    throw sandboxError("it ended at once");
  }

  async #writeFiles(
    spec: SandboxSpec,
    sandbox: ContainerRecord,
    options: SandboxOptions,
  ): Promise<void> {
    const { files } = this.#parts;
    const layout = await files.layout(options);
    const resolver = resolvConf(spec.dns, layout.resolvConf);
    for (const message of resolver.warnings) options.warnOfDns?.(message);
    await files.writeSandbox(spec.uid, {
      hosts: hostsFile(spec, { ips: sandbox.ips, hostFile: layout.hosts }),
      resolvConf: resolver.text,
    }, options);
    this.#complete.add(sandbox.id);
  }
}

function sandboxError(why: string, options?: ErrorOptions): RuntimeError {
  return new RuntimeError(
    "CreateContainerError",
    `Cannot create the pod's sandbox: ${why}`,
    options,
  );
}
