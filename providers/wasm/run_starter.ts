import { messageOf } from "../../async/message_of.ts";
import { join } from "node:path";
import { getLogger } from "../../async/log.ts";
import { RuntimeError } from "../errors.ts";
import { LogFile } from "../log_file.ts";
import type { ContainerSpec } from "../container_spec.ts";
import type { Exit } from "../runtime.ts";
import type { ControlGroups } from "./control_groups.ts";
import { describeExit } from "./exit.ts";
import { explainEnd } from "./explain_end.ts";
import type { GuestEngine } from "./guest_engine.ts";
import { GuestExecs } from "./guest_execs.ts";
import { guestNetwork } from "./guest_network.ts";
import { GuestProcess } from "./guest_process.ts";
import type { GuestSpec, Preopen } from "./guest_spec.ts";
import type { Program } from "./located_module.ts";
import { httpSettings } from "./http_settings.ts";
import { prepareMounts } from "./mounts.ts";
import { identifyProcess } from "./process_identity.ts";
import { checkProgram, type ProgramCheck } from "./program_check.ts";
import {
  type PodRecord,
  remove,
  type RunRecord,
  type StateRecords,
} from "./records.ts";
import { sha256 } from "./modules.ts";
import { httpUsagePath, logPath, type Run } from "./run.ts";
import { RunLimits } from "./run_limits.ts";
import type { RunnerLaunch } from "./runner_process.ts";
import { readTerminationMessage } from "./termination_message.ts";
import { guestUser } from "./user_ids.ts";

/** Starts runs of containers, and records how they end. */
export class RunStarter {
  readonly #records: StateRecords;
  readonly #launch: RunnerLaunch;
  /** By image and file: most modules are started often. */
  readonly #checks = new Map<string, CheckedProgram>();
  readonly #engine: GuestEngine;
  readonly #groups: ControlGroups | undefined;

  constructor(
    records: StateRecords,
    launch: RunnerLaunch,
    { engine, groups }: {
      readonly engine: GuestEngine;
      /** None: where there are no control groups for us. */
      readonly groups: ControlGroups | undefined;
    },
  ) {
    this.#groups = groups;
    this.#records = records;
    this.#launch = launch;
    this.#engine = engine;
  }

  /** Starts a run that is not there yet; leaves nothing behind when it cannot. */
  async start(
    pod: PodRecord,
    spec: ContainerSpec,
    program: Program,
  ): Promise<Run> {
    const check = await this.check(spec.image, program);
    const component = {
      ...await this.#findComponent(check, spec, program, pod),
      programBytes: check.sizeBytes,
    };
    const dir = this.#records.runDir(pod.uid, spec.name, spec.attempt);
    // Of a start that was cut off before it was recorded.
    await remove(dir);
    await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
    try {
      return await this.#start(pod, spec, { ...program, ...component }, dir);
    } catch (error) {
      await remove(dir);
      if (error instanceof RuntimeError) throw error;
      throw new RuntimeError(
        "CreateContainerError",
        `Cannot create container "${spec.name}": ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /** Removes all that is kept of a run that has ended. */
  async discard(run: Run): Promise<void> {
    await remove(run.dir);
  }

  /** Fails with a `RuntimeError` `CreateContainerError` if the module cannot be run. */
  async check(
    image: string,
    { path, imageId, entry }: Pick<Program, "path" | "imageId" | "entry">,
  ): Promise<RunnableProgram> {
    // An image may have several programs, and a program several entries.
    const key = `${imageId} ${path}#${entry ?? ""}`;
    let check = this.#checks.get(key);
    if (check === undefined) {
      const bytes = await Deno.readFile(path);
      const digest = await sha256(bytes);
      check = {
        ...checkProgram(bytes, entry),
        digest,
        sizeBytes: bytes.length,
      };
      this.#checks.set(key, check);
    }
    if (check.kind !== "invalid") return check;
    throw new RuntimeError(
      "CreateContainerError",
      `Cannot use image "${image}": ${check.message}`,
    );
  }

  /** Makes a program ready to run, and says where it listens. */
  async #findComponent(
    check: RunnableProgram,
    { image, name }: ContainerSpec,
    { path }: Program,
    { http = {} }: PodRecord,
  ): Promise<Pick<GuestSpec, "component" | "wasmtime" | "http">> {
    try {
      const ready = await this.#engine.prepare({ ...check, path });
      if (check.kind === "ok") return ready;
      return check.world === "http"
        ? { ...ready, http: httpSettings(http, name) }
        : ready;
    } catch (error) {
      throw new RuntimeError(
        "CreateContainerError",
        `Cannot use image "${image}": ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  async #start(
    pod: PodRecord,
    spec: ContainerSpec,
    program:
      & Program
      & Pick<GuestSpec, "component" | "wasmtime" | "http">
      & { readonly programBytes: number },
    dir: string,
  ): Promise<Run> {
    const user = guestUser(pod.userId, spec.security);
    const { preopens, ...place } = await prepareMounts(
      this.#records,
      pod,
      spec,
      user,
    );
    const record: RunRecord = {
      id: crypto.randomUUID().replaceAll("-", ""),
      name: spec.name,
      attempt: spec.attempt,
      image: spec.image,
      imageId: program.imageId,
      startedAt: new Date().toISOString(),
      ...place,
    };
    // Before the process: an agent that dies now leaves a run, if only an unfinished one.
    await this.#records.writeRun(dir, record);
    const guestSpec: GuestSpec = {
      module: program.path,
      ...(program.component === undefined
        ? {}
        : { component: program.component }),
      ...(program.wasmtime === undefined ? {} : { wasmtime: program.wasmtime }),
      ...(program.entry === undefined ? {} : { entry: program.entry }),
      ...(program.http === undefined
        ? {}
        : { http: program.http, httpUsagePath: httpUsagePath(dir) }),
      ...guestNetwork(pod.network, spec, program.http !== undefined),
      args: program.args,
      env: guestEnv(spec, pod, program),
      preopens: withRoot(preopens, program),
      stdin: spec.stdin,
      tty: spec.tty,
      ...(spec.memoryLimitBytes === undefined
        ? {}
        : { memoryLimitBytes: spec.memoryLimitBytes }),
      reportPath: reportPath(dir),
      parentPid: Deno.pid,
      ...(user === undefined ? {} : { user }),
    };
    this.#checkSpec(spec, guestSpec);
    const limits = await RunLimits.create(this.#groups, record.id, {
      ...spec,
      programBytes: program.programBytes,
    });
    let started;
    try {
      started = await this.#begin(dir, record, { guestSpec, limits });
    } catch (error) {
      await limits.remove();
      throw error;
    }
    const { log, guest, full } = started;
    const settled = Promise.withResolvers<void>();
    const run: Run = {
      record: full,
      dir,
      log,
      guest,
      execs: new GuestExecs(this.#launch, guestSpec, limits),
      limits,
      stdinOnce: spec.stdinOnce,
      ports: guestSpec.listeners?.map(({ port }) => port) ?? [],
      ended: settled.promise,
    };
    this.#finish(run, guest).then(settled.resolve);
    return run;
  }

  #checkSpec({ name }: ContainerSpec, guestSpec: GuestSpec): void {
    const problem = this.#engine.problem(guestSpec);
    if (problem === undefined) return;
    throw new RuntimeError(
      "CreateContainerError",
      `Cannot create container "${name}": ${problem}`,
    );
  }

  async #begin(
    dir: string,
    record: RunRecord,
    { guestSpec, limits }: {
      readonly guestSpec: GuestSpec;
      readonly limits: RunLimits;
    },
  ): Promise<{
    readonly log: LogFile;
    readonly guest: GuestProcess;
    readonly full: RunRecord;
  }> {
    const log = await LogFile.create(logPath(dir));
    let guest;
    try {
      const running = { log, limits };
      guest = await GuestProcess.start(this.#launch, guestSpec, running);
    } catch (error) {
      await log.end();
      throw new RuntimeError(
        "RunContainerError",
        `Cannot start the runner of container "${record.name}": ${
          messageOf(error)
        }`,
        { cause: error },
      );
    }
    return { log, guest, full: await this.#recordProcess(dir, record, guest) };
  }

  /** Records which process it is, so that the next agent can find it. */
  async #recordProcess(
    dir: string,
    record: RunRecord,
    guest: GuestProcess,
  ): Promise<RunRecord> {
    const full = { ...record, process: await identifyProcess(guest.pid) };
    try {
      await this.#records.writeRun(dir, full);
      return full;
    } catch (error) {
      guest.kill("SIGKILL");
      await guest.ended;
      throw error;
    }
  }

  /** Never rejects: what cannot be recorded is known to this agent all the same. */
  async #finish(run: Run, guest: GuestProcess): Promise<void> {
    const end = await guest.ended;
    await run.execs?.close();
    const outOfMemory = !guest.killed &&
      (await run.limits?.outOfMemory() ?? false);
    await run.limits?.remove();
    const startedAt = new Date(run.record.startedAt);
    let exit: Exit = describeExit({ end, startedAt, outOfMemory });
    try {
      const { end: told, report } = await explainEnd(this.#engine, end, {
        report: reportPath(run.dir),
        log: logPath(run.dir),
      });
      const { terminationFile } = run.record;
      const terminationMessage = terminationFile === undefined
        ? undefined
        : await readTerminationMessage(terminationFile, startedAt);
      exit = describeExit({
        end: told,
        startedAt,
        outOfMemory,
        ...(report === undefined ? {} : { report }),
        ...(terminationMessage === undefined ? {} : { terminationMessage }),
      });
      await this.#records.writeExit(run.dir, exit);
    } catch (error) {
      const { id, name } = run.record;
      getLogger("wasm").error("Could not record the end of a container", {
        container: name,
        id,
        error,
      });
    }
    run.exit = exit;
  }
}

type CheckedProgram = ProgramCheck & {
  readonly digest: string;
  readonly sizeBytes: number;
};

type RunnableProgram = Exclude<CheckedProgram, { readonly kind: "invalid" }>;

/** What container runtimes set, which the image's and the pod's own variables replace. */
function guestEnv(
  { env, workingDir: own }: ContainerSpec,
  { hostname }: PodRecord,
  { env: imageEnv, workingDir }: Program,
): Readonly<Record<string, string>> {
  const directory = own ?? workingDir;
  return {
    ...(hostname === "" ? {} : { HOSTNAME: hostname }),
    ...(directory === undefined ? {} : { PWD: directory }),
    ...imageEnv,
    ...env,
  };
}

/** The files of the image below all else that is mounted. */
function withRoot(
  preopens: readonly Preopen[],
  { root }: Program,
): readonly Preopen[] {
  const isTaken = preopens.some(({ guestPath }) => guestPath === "/");
  return root === undefined || isTaken
    ? preopens
    : [...preopens, { guestPath: "/", hostPath: root, readOnly: true }];
}

function reportPath(dir: string): string {
  return join(dir, "report.json");
}
