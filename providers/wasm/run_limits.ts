import { getLogger } from "../../async/log.ts";
import type { ContainerResources, ContainerSpec } from "../container_spec.ts";
import type { ControlGroup, ControlGroups } from "./control_groups.ts";
import { CpuDuty, type PausableProcess } from "./cpu_duty_loop.ts";

/** A process that can be put under limits. */
interface LimitedProcess extends PausableProcess {
  readonly pid: number;
}

/** What a container may use, and how early it ends when the machine has no memory left. */
type RunResources =
  & ContainerResources
  & Pick<ContainerSpec, "oomScoreAdj">;

/** What the processes of one run of a container may use, and what keeps them to it. */
export class RunLimits {
  readonly #group: ControlGroup | undefined;
  readonly #duties = new Set<CpuDuty>();
  readonly #memoryLimitBytes: number | undefined;
  readonly #oomScoreAdj: number;
  #cpuLimitMillis: number | undefined;

  private constructor(
    group: ControlGroup | undefined,
    { memoryLimitBytes, cpuLimitMillis, oomScoreAdj }: RunResources,
  ) {
    this.#oomScoreAdj = oomScoreAdj;
    this.#group = group;
    this.#memoryLimitBytes = memoryLimitBytes;
    this.#cpuLimitMillis = cpuLimitMillis;
  }

  /**
   * Prepares the limits of a run that is about to start.
   *
   * @param groups None where this machine has no control groups for us.
   * @param programBytes How large the program is, which the engine needs memory for.
   */
  static async create(
    groups: ControlGroups | undefined,
    name: string,
    { programBytes, ...resources }: RunResources & {
      readonly programBytes: number;
    },
  ): Promise<RunLimits> {
    const { memoryLimitBytes, cpuLimitMillis, cpuRequestMillis } = resources;
    const group = await groups?.create(name, {
      ...(memoryLimitBytes === undefined
        ? {}
        : { memoryBytes: memoryLimitBytes + runnerBytes(programBytes) }),
      ...(cpuLimitMillis === undefined ? {} : { cpuMillis: cpuLimitMillis }),
      // So that a limit can be set later, where there is none yet.
      cpuRequestMillis: cpuRequestMillis ?? 0,
      tasks: mostTasks,
    });
    return new RunLimits(group, resources);
  }

  /** Puts a process that has just begun under the limits; it leaves them when it ends. */
  async add(process: LimitedProcess): Promise<void> {
    if (Deno.build.os !== "linux") return;
    await this.#group?.add(process.pid);
    await this.#setOomScore(process.pid);
    if (this.#group?.limitsCpu) return;
    const duty = new CpuDuty(process, () => this.#cpuLimitMillis);
    this.#duties.add(duty);
    void duty.ended.then(() => this.#duties.delete(duty));
  }

  async #setOomScore(pid: number): Promise<void> {
    try {
      const file = `/proc/${pid}/oom_score_adj`;
      await Deno.writeTextFile(file, `${this.#oomScoreAdj}`);
    } catch {
      // Only root can have a process end later than others; without it, it ends as all do.
    }
  }

  /**
   * Changes what the processes may use from now on; what is undefined stays as it is. Fails for
   * another memory limit: the guest has its own in its code.
   */
  async update(resources: ContainerResources): Promise<void> {
    const { memoryLimitBytes, cpuLimitMillis, cpuRequestMillis } = resources;
    if (
      memoryLimitBytes !== undefined &&
      memoryLimitBytes !== this.#memoryLimitBytes
    ) {
      throw new Error(
        "Cannot change the memory limit of a WASI guest while it runs: it must be restarted",
      );
    }
    await this.#group?.updateCpu({
      ...(cpuLimitMillis === undefined ? {} : { cpuMillis: cpuLimitMillis }),
      ...(cpuRequestMillis === undefined ? {} : { cpuRequestMillis }),
    });
    this.#cpuLimitMillis = cpuLimitMillis ?? this.#cpuLimitMillis;
  }

  /** Whether the kernel ended one of its processes because they had too much memory; never rejects. */
  async outOfMemory(): Promise<boolean> {
    try {
      return await this.#group?.hasKilled() ?? false;
    } catch (error) {
      getLogger("wasm").warn("Could not read a control group", { error });
      return false;
    }
  }

  /** Gives back what it holds, once all processes have ended; never rejects. */
  async remove(): Promise<void> {
    await Promise.all([...this.#duties].map(({ ended }) => ended));
    try {
      await this.#group?.remove();
    } catch (error) {
      getLogger("wasm").warn("Could not remove a control group", { error });
    }
  }
}

/**
 * What a runner needs besides the guest's own memory, and so what its group may have more than the
 * container's limit: measured with Deno 2.6 and 2.9, with room for three times of it.
 */
function runnerBytes(programBytes: number): number {
  return 64 * 1024 * 1024 + 16 * programBytes;
}

/** Threads of the runner and of commands beside it: a runner has some ten, and forty at most. */
const mostTasks = 512;
