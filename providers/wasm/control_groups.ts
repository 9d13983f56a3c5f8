import { join } from "node:path";
import type { AbortOptions } from "../../async/abort.ts";
import { Deadline } from "../../async/deadline.ts";
import { delay } from "../../async/delay.ts";
import {
  type Controller,
  cpuValues,
  type GroupLimits,
  type GroupValue,
  groupValues,
  oomFile,
  oomKills,
  ownGroups,
} from "./control_group_files.ts";
import { list } from "./records.ts";
import { readText } from "./system_files.ts";

/** The control groups of this agent's guests, below the agent's own group. */
export class ControlGroups {
  readonly version: 1 | 2;
  /** One directory per controller; all the same in version 2. */
  readonly #bases: ReadonlyMap<Controller, string>;

  private constructor(
    version: 1 | 2,
    bases: ReadonlyMap<Controller, string>,
  ) {
    this.version = version;
    this.#bases = bases;
  }

  /**
   * Finds out which controllers this process may use, and ends what an earlier agent of the same
   * name left.
   */
  static async open(
    name: string,
    { root = "/sys/fs/cgroup", own, signal }: AbortOptions & {
      readonly root?: string;
      /** A `/proc/self/cgroup`, by default this process's. */
      readonly own?: string;
    },
  ): Promise<ControlGroups> {
    const { version, path } = ownGroups(
      own ?? await readText("/proc/self/cgroup"),
    );
    const bases = version === 1
      ? await firstVersion(root, path, name)
      : await secondVersion(root, path("memory"), name);
    const groups = new ControlGroups(version, bases);
    await groups.#sweep({ signal });
    return groups;
  }

  /** Whether groups can have limits of this kind. */
  has(controller: Controller): boolean {
    return this.#bases.has(controller);
  }

  /** Makes a group without processes; limits of controllers that are not there are left out. */
  async create(name: string, limits: GroupLimits): Promise<ControlGroup> {
    const values = groupValues(this.version, limits)
      .filter(({ controller }) => this.has(controller));
    const used = new Set(values.map(({ controller }) => controller));
    const directories = new Map(
      [...used].map((controller) =>
        [controller, join(this.#bases.get(controller) ?? "", name)] as const
      ),
    );
    const group = new ControlGroup(this.version, directories);
    try {
      for (const directory of new Set(directories.values())) {
        await Deno.mkdir(directory);
      }
      await group.write(values);
    } catch (error) {
      await group.remove();
      throw error;
    }
    return group;
  }

  /** Kills what is in the groups of an agent that is gone, and removes them. */
  async #sweep({ signal }: AbortOptions): Promise<void> {
    for (const base of new Set(this.#bases.values())) {
      for (const name of await list(base)) {
        const directory = join(base, name);
        if (!(await Deno.lstat(directory)).isDirectory) continue;
        await killAll(directory);
        await removeGroup(directory, { signal });
      }
    }
  }

  /** Removes the directories that the groups are in, where nothing is in them. */
  async remove(): Promise<void> {
    for (const base of new Set(this.#bases.values())) {
      // A guest that does not end at once: the next agent removes it.
      await Deno.remove(base).catch(() => undefined);
    }
  }
}

/** What some processes may use together. */
export class ControlGroup {
  readonly #version: 1 | 2;
  readonly #directories: ReadonlyMap<Controller, string>;

  constructor(
    version: 1 | 2,
    directories: ReadonlyMap<Controller, string>,
  ) {
    this.#version = version;
    this.#directories = directories;
  }

  /** Whether it limits CPU time, or can. */
  get limitsCpu(): boolean {
    return this.#directories.has("cpu");
  }

  /** Puts a process into it with all its threads. */
  async add(pid: number): Promise<void> {
    for (const directory of new Set(this.#directories.values())) {
      await Deno.writeTextFile(join(directory, "cgroup.procs"), `${pid}`);
    }
  }

  /** Changes the limit and the share of CPU time. */
  async updateCpu(limits: GroupLimits): Promise<void> {
    await this.write(cpuValues(this.#version, limits));
  }

  /** Whether the kernel has killed one of its processes because of its memory limit. */
  async hasKilled(): Promise<boolean> {
    const directory = this.#directories.get("memory");
    if (directory === undefined) return false;
    return oomKills(await readText(join(directory, oomFile(this.#version)))) >
      0;
  }

  /** Removes it; its processes must have ended. One that lingers is left to the next agent. */
  async remove(): Promise<void> {
    using deadline = new Deadline(patience, {
      signal: new AbortController().signal,
    });
    for (const directory of new Set(this.#directories.values())) {
      await removeGroup(directory, deadline);
    }
  }

  /** Sets values in their order. */
  async write(values: readonly GroupValue[]): Promise<void> {
    for (const { controller, file, value, optional } of values) {
      const directory = this.#directories.get(controller);
      if (directory === undefined) continue;
      try {
        await Deno.writeTextFile(join(directory, file), value);
      } catch (error) {
        if (!optional) throw error;
      }
    }
  }
}

/** How long a group may take to lose its last process. */
const patience = 2_000;

/** Every controller has a tree of its own. */
async function firstVersion(
  root: string,
  path: (controller: Controller) => string,
  name: string,
): Promise<ReadonlyMap<Controller, string>> {
  const bases = new Map<Controller, string>();
  for (const controller of controllers) {
    const tree = join(root, controller);
    const own = join(tree, path(controller));
    // In a container its own group may be mounted as the root.
    const base = join(await isDirectory(own) ? own : tree, name);
    if (await canMake(base)) bases.set(controller, base);
  }
  return bases;
}

/** One tree, in which a group hands its controllers down only if it has no processes itself. */
async function secondVersion(
  root: string,
  path: string,
  name: string,
): Promise<ReadonlyMap<Controller, string>> {
  const parent = path.replace(new RegExp(`/${agentGroup}$`), "");
  const own = join(root, parent);
  const top = await isDirectory(own) ? own : root;
  const offered = (await readText(join(top, "cgroup.controllers"))).split(" ");
  const base = join(top, name);
  const bases = new Map<Controller, string>();
  for (const controller of controllers) {
    if (!offered.includes(controller)) continue;
    if (!await handDown(top, controller) || !await canMake(base)) continue;
    if (await enable(base, controller)) bases.set(controller, base);
  }
  return bases;
}

async function handDown(top: string, controller: Controller): Promise<boolean> {
  if (await enable(top, controller)) return true;
  // Its own process in the way: it moves into a group below, as the documentation has it.
  const leaf = join(top, agentGroup);
  if (!await canMake(leaf)) return false;
  try {
    await Deno.writeTextFile(join(leaf, "cgroup.procs"), `${Deno.pid}`);
  } catch {
    return false; // Without the right to it there are no limits of this kind.
  }
  if (await enable(top, controller)) return true;
  // Others are in the way, too: as if nothing had been.
  await Deno.writeTextFile(join(top, "cgroup.procs"), `${Deno.pid}`);
  await removeGroup(leaf, { signal: AbortSignal.timeout(1_000) });
  return false;
}

async function enable(
  directory: string,
  controller: Controller,
): Promise<boolean> {
  const file = join(directory, "cgroup.subtree_control");
  try {
    await Deno.writeTextFile(file, `+${controller}`);
    return true;
  } catch {
    return false; // No right to it, or a process in the way; the caller knows what then.
  }
}

async function canMake(directory: string): Promise<boolean> {
  try {
    await Deno.mkdir(directory);
    return true;
  } catch (error) {
    // Else read-only, not ours, or no such tree: there are no groups of this kind.
    return error instanceof Deno.errors.AlreadyExists;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch {
    return false; // Not there, or out of our reach: either way of no use.
  }
}

async function killAll(directory: string): Promise<void> {
  const text = await readText(join(directory, "cgroup.procs"));
  // 0 stands for a process of another PID namespace, and for kill(2) for our own group.
  const pids = text.split("\n").map(Number).filter((pid) => pid > 0);
  for (const pid of pids) {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

/** Resolves once it is gone, or cannot go: a group with processes cannot. */
async function removeGroup(
  directory: string,
  { signal }: AbortOptions,
): Promise<void> {
  for (let wait = 1; !signal.aborted; wait = Math.min(wait * 2, 50)) {
    try {
      return await Deno.remove(directory);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
    }
    await delay(wait, { signal }).catch(() => undefined);
  }
}

const controllers: readonly Controller[] = ["cpu", "memory", "pids"];

/** Where the agent's own process is, where its group has others below. */
const agentGroup = "farlet-agent";
