import type { AbortOptions } from "../../async/abort.ts";
import { Deadline } from "../../async/deadline.ts";
import type { FilesystemSample } from "../provider.ts";
import {
  fail,
  failure,
  type Finding,
  ok,
  sizeOf,
  warn,
} from "./doctor_finding.ts";
import type { SystemFindings } from "./doctor_system.ts";
import { openEngine } from "./engine/discover.ts";
import type { EngineInfo } from "./engine/engine_info.ts";
import {
  type EngineSearch,
  noEngineMessage,
  parseSearch,
  searchScript,
} from "./engine/search_script.ts";
import { readHostFacts } from "./facts.ts";
import type { Host } from "./host.ts";

/** What is known of an engine, whether or not its API is served already. */
type KnownEngine =
  & Pick<
    EngineInfo,
    "rootless" | "cgroupVersion" | "storageDir" | "storageDriver"
  >
  & { readonly arch?: string };

const patience = 60_000;
const GiB = 2 ** 30;

/** The engine, and the disks that it and farlet use. */
export async function* findEngine(
  host: Host,
  system: SystemFindings,
  { signal }: AbortOptions,
): AsyncGenerator<Finding, void> {
  using deadline = new Deadline(patience, { signal });
  const { stdout } = await host.run(searchScript, [""], deadline);
  const search = parseSearch(stdout);
  const engine = servedBy(search)
    ? yield* findServed(host, deadline)
    : yield* findServable(host, system, search, deadline);
  signal.throwIfAborted();
  if (engine !== undefined) {
    yield* cgroupFindings(engine, system);
    yield* lingerFindings(engine, system);
  }
  const { filesystem, imageFilesystem } = await readHostFacts(host, {
    directory: system.directory,
    storageDir: engine?.storageDir ?? "",
    signal: deadline.signal,
  });
  yield* diskFindings("disk", filesystem, `for ${system.directory}`);
  if (engine === undefined || engine.storageDir === "") return;
  yield* diskFindings("images", imageFilesystem, `at ${engine.storageDir}`);
}

/** Whether there is an engine that farlet need not start. */
function servedBy({ sockets, privateSocket }: EngineSearch): boolean {
  return sockets.some((socket) => socket !== privateSocket);
}

async function* findServed(
  host: Host,
  options: AbortOptions,
): AsyncGenerator<Finding, KnownEngine | undefined> {
  try {
    const { info } = await openEngine(host, options);
    yield* engineFindings(info);
    return info;
  } catch (error) {
    options.signal.throwIfAborted();
    yield failure("engine", error);
    return undefined;
  }
}

/** What is known of an engine that answers. */
export function* engineFindings(info: EngineInfo): Generator<Finding> {
  const title = info.kind === "docker" ? "Docker" : "Podman";
  yield ok(
    "engine",
    `${title} ${info.version}, API ${info.apiVersion}, ${
      info.rootless ? "rootless" : "rootful"
    }, at ${info.socket}`,
  );
  yield info.forwarding === "channel"
    ? ok("engine socket", "reached through SSH's own channels")
    : warn(
      "engine socket",
      "reached by a command on the host, which takes one of its sessions: at most two requests at once",
      "set AllowStreamLocalForwarding yes in its sshd_config",
    );
}

/** Podman without anybody who serves its API, which farlet does for itself then. */
async function* findServable(
  host: Host,
  { has, user }: SystemFindings,
  search: EngineSearch,
  options: AbortOptions,
): AsyncGenerator<Finding, KnownEngine | undefined> {
  if (!search.hasPodman || search.dockerForbidden) {
    const message = noEngineMessage(host.name, search, undefined);
    const [, found = message, remedy] = /^(.*?): (.*)$/s.exec(message) ?? [];
    yield fail("engine", found, remedy);
    return undefined;
  }
  const { code, stdout, stderr } = await host.run(podmanScript, [], options);
  const [version = "", rootless, cgroups, storageDir = "", driver = ""] = stdout
    .trim().split("\n");
  if (code !== 0 || version === "") {
    const why = stderr.trim().split("\n").at(-1) ?? "";
    yield fail(
      "engine",
      `Podman is installed and does not work for "${user}": ${why}`,
      "run podman info there as that user, and mend what it says",
    );
    return undefined;
  }
  if (!has("setsid")) {
    const found = `Podman ${version} is installed, and nobody serves its API`;
    yield fail("engine", found, "systemctl enable --now podman.socket");
    return undefined;
  }
  yield ok(
    "engine",
    `Podman ${version}, ${
      rootless === "true" ? "rootless" : "rootful"
    }; nobody serves its API: farlet starts it for itself`,
  );
  return {
    rootless: rootless === "true",
    cgroupVersion: cgroups === "v2" ? 2 : 1,
    ...{ storageDir, storageDriver: driver },
  };
}

const podmanScript = `
podman info --format '{{.Version.Version}}
{{.Host.Security.Rootless}}
{{.Host.CgroupsVersion}}
{{.Store.GraphRoot}}
{{.Store.GraphDriverName}}' </dev/null`;

/** What limits the engine can set, and how it keeps images. */
export function* cgroupFindings(
  { rootless, cgroupVersion, storageDriver }: KnownEngine,
  { controllers }: Pick<SystemFindings, "controllers">,
): Generator<Finding> {
  const missing = ["memory", "cpu", "pids"].filter((name) =>
    !controllers.includes(name)
  );
  if (rootless && cgroupVersion === 1) {
    yield warn(
      "cgroups",
      "version 1, with which a rootless engine limits nothing",
      "boot with systemd.unified_cgroup_hierarchy=1, or use a rootful engine",
    );
  } else if (missing.length > 0) {
    yield warn(
      "cgroups",
      `version ${cgroupVersion} without ${
        missing.join(", ")
      }: such limits of containers have no effect`,
      missing.includes("memory") && !rootless
        ? "boot with cgroup_enable=memory (on a Raspberry Pi in cmdline.txt)"
        : "delegate them: Delegate=cpu cpuset io memory pids for user@.service",
    );
  } else {
    yield ok("cgroups", `version ${cgroupVersion} with memory, cpu and pids`);
  }
  if (storageDriver === "vfs") {
    yield warn(
      "storage driver",
      "vfs: every container has a copy of its whole image",
      "install fuse-overlayfs, and have the engine use overlay",
    );
  }
}

/** Whether systemd ends a rootless engine, and its containers, with the user's last session. */
export function* lingerFindings(
  { rootless }: Pick<KnownEngine, "rootless">,
  { lingers, user }: Pick<SystemFindings, "lingers" | "user">,
): Generator<Finding> {
  if (!rootless || lingers) return;
  yield warn(
    "lingering",
    `the host ends all that "${user}" runs when nobody is logged in: pods end with farlet's connection`,
    `loginctl enable-linger ${user}`,
  );
}

/** Whether there is room on a file system. */
export function* diskFindings(
  check: string,
  sample: FilesystemSample | undefined,
  place: string,
): Generator<Finding> {
  if (sample === undefined) {
    yield warn(check, `df does not tell what is free ${place}`);
    return;
  }
  const { capacityBytes, availableBytes, inodes, inodesFree } = sample;
  const share = Math.round(availableBytes / capacityBytes * 100);
  const space = `${sizeOf(availableBytes)} of ${
    sizeOf(capacityBytes)
  } free (${share} %) ${place}`;
  const remedy = "make room there, or use a larger disk";
  if (availableBytes === 0) yield fail(check, space, remedy);
  else if (availableBytes < GiB || availableBytes < 0.1 * capacityBytes) {
    yield warn(check, space, remedy);
  } else yield ok(check, space);
  if (inodes === undefined || inodesFree === undefined) return;
  if (inodesFree >= 0.1 * inodes) return;
  const files = `${inodesFree} of ${inodes} inodes free ${place}`;
  yield inodesFree === 0
    ? fail(`${check} inodes`, files, remedy)
    : warn(`${check} inodes`, files, remedy);
}
