import { messageOf } from "../../async/message_of.ts";
import { join } from "node:path";
import { getLogger } from "../../async/log.ts";
import { RuntimeError } from "../errors.ts";
import { LogFile } from "../log_file.ts";
import type { ContainerSpec } from "../container_spec.ts";
import type { Exit } from "../runtime.ts";
import { describeExit } from "./exit.ts";
import { GuestExecs } from "./guest_execs.ts";
import { GuestProcess } from "./guest_process.ts";
import type { GuestReport, GuestSpec } from "./guest_spec.ts";
import { checkModule, type ModuleCheck } from "./module_check.ts";
import type { LocatedModule } from "./modules.ts";
import { prepareMounts } from "./mounts.ts";
import { identifyProcess } from "./process_identity.ts";
import {
  type PodRecord,
  readRecord,
  remove,
  type RunRecord,
  type StateRecords,
} from "./records.ts";
import { logPath, type Run } from "./run.ts";
import type { RunnerLaunch } from "./runner_process.ts";
import { readTerminationMessage } from "./termination_message.ts";

/** Starts runs of containers, and records how they end. */
export class RunStarter {
  readonly #records: StateRecords;
  readonly #launch: RunnerLaunch;
  /** By digest: most modules are started often. */
  readonly #checks = new Map<string, ModuleCheck>();

  constructor(records: StateRecords, launch: RunnerLaunch) {
    this.#records = records;
    this.#launch = launch;
  }

  /** Starts a run that is not there yet; leaves nothing behind when it cannot. */
  async start(
    pod: PodRecord,
    spec: ContainerSpec,
    module: LocatedModule,
  ): Promise<Run> {
    await this.check(spec.image, module);
    const dir = this.#records.runDir(pod.uid, spec.name, spec.attempt);
    // Of a start that was cut off before it was recorded.
    await remove(dir);
    await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
    try {
      return await this.#start(pod, spec, module, dir);
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
  async check(image: string, { path, imageId }: LocatedModule): Promise<void> {
    let check = this.#checks.get(imageId);
    if (check === undefined) {
      check = checkModule(await Deno.readFile(path));
      this.#checks.set(imageId, check);
    }
    if (check.kind === "ok") return;
    throw new RuntimeError(
      "CreateContainerError",
      `Cannot use image "${image}": ${check.message}`,
    );
  }

  async #start(
    pod: PodRecord,
    spec: ContainerSpec,
    module: LocatedModule,
    dir: string,
  ): Promise<Run> {
    const { preopens, ...place } = await prepareMounts(
      this.#records,
      pod,
      spec,
    );
    const record: RunRecord = {
      id: crypto.randomUUID().replaceAll("-", ""),
      name: spec.name,
      attempt: spec.attempt,
      image: spec.image,
      imageId: module.imageId,
      startedAt: new Date().toISOString(),
      ...place,
    };
    // Before the process: an agent that dies now leaves a run, if only an unfinished one.
    await this.#records.writeRun(dir, record);
    const log = await LogFile.create(logPath(dir));
    const guestSpec: GuestSpec = {
      module: module.path,
      args: guestArgs(spec, module),
      env: guestEnv(spec, pod),
      preopens,
      stdin: spec.stdin,
      ...(spec.memoryLimitBytes === undefined
        ? {}
        : { memoryLimitBytes: spec.memoryLimitBytes }),
      reportPath: reportPath(dir),
      parentPid: Deno.pid,
    };
    const guest = await this.#spawn(guestSpec, spec, log);
    const full = await this.#recordProcess(dir, record, guest);
    const settled = Promise.withResolvers<void>();
    const run: Run = {
      record: full,
      dir,
      log,
      guest,
      execs: new GuestExecs(this.#launch, guestSpec),
      stdinOnce: spec.stdinOnce,
      ended: settled.promise,
    };
    this.#finish(run, guest).then(settled.resolve);
    return run;
  }

  async #spawn(
    guestSpec: GuestSpec,
    { name }: ContainerSpec,
    log: LogFile,
  ): Promise<GuestProcess> {
    try {
      return GuestProcess.spawn(this.#launch, guestSpec, log);
    } catch (error) {
      await log.end();
      throw new RuntimeError(
        "RunContainerError",
        `Cannot start the runner of container "${name}": ${messageOf(error)}`,
        { cause: error },
      );
    }
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
    const startedAt = new Date(run.record.startedAt);
    let exit: Exit = describeExit({ end, startedAt });
    try {
      const report = await readRecord<GuestReport>(reportPath(run.dir));
      const { terminationFile } = run.record;
      const terminationMessage = terminationFile === undefined
        ? undefined
        : await readTerminationMessage(terminationFile, startedAt);
      exit = describeExit({
        end,
        startedAt,
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

function guestArgs(
  { command, args = [] }: ContainerSpec,
  { programName }: LocatedModule,
): readonly string[] {
  return [...command ?? [programName], ...args];
}

/** What container runtimes set, which the pod's own variables replace. */
function guestEnv(
  { env, workingDir }: ContainerSpec,
  { hostname }: PodRecord,
): Readonly<Record<string, string>> {
  return {
    ...(hostname === "" ? {} : { HOSTNAME: hostname }),
    ...(workingDir === undefined ? {} : { PWD: workingDir }),
    ...env,
  };
}

function reportPath(dir: string): string {
  return join(dir, "report.json");
}
