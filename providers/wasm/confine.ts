import type { GuestSpec } from "./guest_spec.ts";
import { LinuxCalls } from "./linux_calls.ts";
import { dieWithParent } from "./parent_death.ts";
import { type FilterNeeds, seccompFilter } from "./seccomp_filter.ts";
import { systemCalls } from "./system_calls.ts";

/** What a guest needs that not every guest has. */
interface Confinement extends Pick<GuestSpec, "user"> {
  readonly sockets: FilterNeeds["sockets"];
  /** Whether this process will become another program. */
  readonly mayExec: boolean;
}

/**
 * Takes from this process, for good and in all its threads, what a guest needs not: another user's
 * rights, limits of its own, and most system calls. Throws where Linux refuses.
 *
 * Open files and sockets stay. Changing the user ends what tied the process to its parent's life:
 * that is renewed, so the caller has to look once more whether the parent is still there.
 * Does nothing on other systems than Linux.
 */
export function confine({ user, sockets, mayExec }: Confinement): void {
  if (Deno.build.os !== "linux") return;
  using linux = new LinuxCalls();
  linux.lowerLimit(limits.core, 0);
  linux.lowerLimit(limits.messageQueues, 0);
  const files = sockets === "none" ? mostFiles : mostFilesOfServers;
  linux.lowerLimit(limits.files, files);
  if (user !== undefined) {
    if (user.uid !== 0) linux.lowerLimit(limits.tasks, mostTasks);
    linux.setUser(user);
    dieWithParent();
  }
  linux.setProcess(prSetNoNewPrivileges, 1n);
  const { arch } = Deno.build;
  const seccomp = systemCalls(arch).number("seccomp");
  if (seccomp === undefined) throw new Error("no number for seccomp(2)");
  const needs = { arch, pid: Deno.pid, sockets, mayExec };
  linux.filterCalls(seccomp, seccompFilter(needs));
}

/** A thousand are the guest's, see `DescriptorTable`; Deno itself has some 30. */
const mostFiles = 1152;

/** Each connection is one. */
const mostFilesOfServers = 8192;

/** Of all processes of the user: those of a pod, or of many that name the same user. */
const mostTasks = 4096;

/** `RLIMIT_*` of asm-generic/resource.h. */
const limits = { core: 4, tasks: 6, files: 7, messageQueues: 12 };

/** Of linux/prctl.h. */
const prSetNoNewPrivileges = 38;
