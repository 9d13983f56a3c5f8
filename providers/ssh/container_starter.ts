import type { AbortOptions } from "../../async/abort.ts";
import { RuntimeError } from "../errors.ts";
import type { ContainerSpec } from "../container_spec.ts";
import { containerBody, type ContainerMaking } from "./container_body.ts";
import type { ContainerRecord } from "./container_record.ts";
import type { LogConfig } from "./create_body.ts";
import { removeContainer } from "./create_container.ts";
import type { EngineClient } from "./engine/engine_client.ts";
import type { EngineError } from "./engine/engine_error.ts";
import type { ExitReader } from "./exit_details.ts";
import type { Host } from "./host.ts";
import type { ImageVolumes } from "./image_volumes.ts";
import type { Inventory } from "./inventory.ts";
import { engineName } from "./labels.ts";
import type { OomProtection } from "./oom_protection.ts";
import type { PodFiles } from "./pod_files.ts";
import type { Sandboxes } from "./sandboxes.ts";
import { seccompPath } from "./security_options.ts";
import { startContainer } from "./start_container.ts";

/** What containers are started with. */
export interface StarterParts {
  readonly host: Host;
  readonly engine: () => EngineClient;
  readonly inventory: Inventory;
  readonly sandboxes: Sandboxes;
  readonly exits: ExitReader;
  readonly files: PodFiles;
  readonly imageVolumes: Pick<ImageVolumes, "engineMounts">;
  readonly protection: OomProtection;
  readonly logConfig: () => LogConfig;
}

/** Starts runs of containers in the sandboxes of their pods. */
export class ContainerStarter {
  readonly #parts: StarterParts;

  constructor(parts: StarterParts) {
    this.#parts = parts;
  }

  /** As `ContainerRuntime.startContainer()`. */
  async start(
    podUid: string,
    spec: ContainerSpec,
    options: AbortOptions,
  ): Promise<void> {
    const { engine, inventory, exits } = this.#parts;
    const records = await inventory.pod(podUid, options);
    const runs = records.filter(({ kind, container }) =>
      kind === "container" && container === spec.name
    );
    const known = await exits.of(runs, options);
    const wasStarted = ({ id, state }: ContainerRecord) =>
      state.kind !== "created" || state.error !== "" || known.has(id);
    for (const run of runs.filter(wasStarted)) {
      if (run.attempt >= spec.attempt) return;
      if (run.state.kind !== "running") continue;
      throw new RuntimeError(
        "RunContainerError",
        `Cannot start container "${spec.name}": its run before still goes on`,
      );
    }
    const sandbox = this.#parts.sandboxes.usable(records);
    if (sandbox === undefined) {
      throw new RuntimeError(
        "CreateContainerError",
        `Cannot start container "${spec.name}": its pod has no running sandbox`,
      );
    }
    // What an earlier agent made and did not start may be of another sandbox.
    for (const run of runs) {
      if (wasStarted(run)) continue;
      await removeContainer({ engine: engine(), inventory }, run.id, options);
    }
    const target = targetOf(spec, records);
    const joined = target === undefined ? { sandbox } : { sandbox, target };
    await this.#run(spec, joined, options);
  }

  async #run(
    spec: ContainerSpec,
    { sandbox, ...joined }: {
      readonly sandbox: ContainerRecord;
      readonly target?: string;
    },
    options: AbortOptions,
  ): Promise<void> {
    const { engine, inventory, protection, files } = this.#parts;
    const { pod } = sandbox;
    const [terminationLog, making] = await Promise.all([
      files.terminationLog(pod.uid, spec.name, spec.attempt, options),
      this.#making(spec, sandbox, options),
    ]);
    const target = spec.terminationMessagePath;
    const binds = making.binds.some((bind) => bind.target === target)
      ? making.binds
      : [...making.binds, { source: terminationLog, target, ...ownFile }];
    const name = engineName({
      pod,
      kind: "container",
      container: spec.name,
      attempt: spec.attempt,
    });
    const maker = { engine: engine(), inventory };
    const body = (protects: boolean) =>
      containerBody(spec, { ...making, ...joined, binds, protects });
    const started = await startContainer(
      maker,
      { name, body, protection },
      options,
    );
    if (started.kind === "failed") {
      const container = spec.name;
      const failed = { ...started, container, sandbox, terminationLog };
      throw await this.#startFailure(failed, options);
    }
    await inventory.inspect(started.id, options);
  }

  /** All that a body is made of besides the spec, and may have to be asked for. */
  async #making(
    spec: ContainerSpec,
    sandbox: ContainerRecord,
    options: AbortOptions,
  ): Promise<Omit<ContainerMaking, "protects">> {
    const { engine, files, imageVolumes, inventory } = this.#parts;
    const { uid } = sandbox.pod;
    const records = await inventory.pod(uid, options);
    const images = await imageVolumes.engineMounts(
      spec.mounts,
      records,
      options,
    );
    const bound = spec.mounts.filter((mount) => !images.has(mount));
    const [own, mounts, imageUser, seccompProfile] = await Promise.all([
      files.sandboxFiles(uid, options),
      files.binds(uid, bound, options),
      this.#imageUser(spec, options),
      this.#seccompProfile(spec, options),
    ]);
    const taken = new Set([
      ...mounts.map(({ target }) => target),
      ...[...images.values()].map(({ Target }) => Target),
    ]);
    const network = [
      { source: own.hosts, target: "/etc/hosts", ...ownFile },
      { source: own.resolvConf, target: "/etc/resolv.conf", ...ownFile },
    ].filter(({ target }) => !taken.has(target));
    return {
      pod: sandbox.pod,
      sandbox,
      binds: [...network, ...mounts],
      images: [...images.values()],
      engine: engine().info,
      logConfig: this.#parts.logConfig(),
      ...(imageUser === undefined ? {} : { imageUser }),
      ...(seccompProfile === undefined ? {} : { seccompProfile }),
    };
  }

  /** Asked for only where the pod gives a group and leaves the user to the image. */
  async #imageUser(
    { imageId, security }: ContainerSpec,
    options: AbortOptions,
  ): Promise<string | undefined> {
    const { runAsUser, runAsGroup } = security;
    if (runAsGroup === undefined || runAsUser !== undefined) return undefined;
    const image = await this.#parts.engine().inspectImage(imageId, options);
    return image?.Config?.User || undefined;
  }

  /** Docker takes the profile itself; Podman reads it where it is. */
  async #seccompProfile(
    { name, security }: ContainerSpec,
    options: AbortOptions,
  ): Promise<string | undefined> {
    const path = seccompPath(security);
    const { host, engine } = this.#parts;
    if (path === undefined || engine().info.kind === "podman") return undefined;
    const { code, stdout } = await host.run(`cat "$1"`, [path], options);
    if (code === 0) return stdout;
    throw new RuntimeError(
      "CreateContainerError",
      `Cannot create container "${name}": cannot read the seccomp profile "${path}"`,
    );
  }

  /** Keeps a run that cannot be started, as one that failed; not if that is the sandbox's fault. */
  async #startFailure(
    { error, id, container, sandbox, terminationLog }: {
      readonly error: EngineError;
      readonly id: string;
      readonly container: string;
      readonly sandbox: ContainerRecord;
      readonly terminationLog: string;
    },
    options: AbortOptions,
  ): Promise<RuntimeError> {
    const { engine, inventory, exits } = this.#parts;
    // An ID would make another Event of each attempt.
    const message = error.engineMessage.replaceAll(id, container);
    const now = await inventory.inspect(sandbox.id, options);
    if (now?.state.kind === "running") {
      const path = terminationLog;
      await exits.startFailed(id, { message, path }, options);
      await inventory.inspect(id, options);
    } else {
      await removeContainer({ engine: engine(), inventory }, id, options);
    }
    return new RuntimeError("RunContainerError", message, { cause: error });
  }
}

const ownFile = { readOnly: false, propagation: "None" } as const;

/** The run whose processes the container sees, if the pod names one. */
function targetOf(
  { name, targetContainer }: ContainerSpec,
  records: readonly ContainerRecord[],
): string | undefined {
  if (targetContainer === undefined) return undefined;
  const target = records.find(({ kind, container, state }) =>
    kind === "container" && container === targetContainer &&
    state.kind === "running"
  );
  if (target !== undefined) return target.id;
  throw new RuntimeError(
    "CreateContainerConfigError",
    `Cannot start container "${name}": unable to find target container "${targetContainer}"`,
  );
}
