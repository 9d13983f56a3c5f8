/**
 * Throw-away remote hosts with a real OpenSSH server and a real Podman, from the testbed: the only
 * file that knows how they are made. `FARLET_TEST_REQUIRE=all` makes what they need a must.
 */
import { join } from "node:path";
import { messageOf } from "../async/message_of.ts";

/** Options for {@linkcode startHost}. */
export interface HostOptions {
  /** Whether Podman and its socket are there; true unless given. */
  readonly engine?: boolean;
  /** Whether the images of the Kubernetes suite (busybox, agnhost, …) are loaded; false unless given. */
  readonly images?: boolean;
}

/** The image with a shell that a host with `images` has. */
export const busyboxImage = "registry.k8s.io/e2e-test-images/busybox:1.37.0-1";
/** The image with Kubernetes' test server that a host with `images` has. */
export const agnhostImage = "registry.k8s.io/e2e-test-images/agnhost:2.55";

/** The archive of those images, compressed by zstd. */
export function suiteImages(): string {
  return join(testbed(), "bin", imageArchive);
}

/** Why there can be no hosts to test against, in one line; undefined if there can. */
export function sshHostsMissing(): string | undefined {
  const missing = whatIsMissing();
  if (missing !== undefined && Deno.env.get("FARLET_TEST_REQUIRE") === "all") {
    throw new Error(`FARLET_TEST_REQUIRE=all: ${missing}`);
  }
  return missing;
}

/** Boots a host; it is gone when the scope is left. */
export async function startHost(
  { engine = true, images = false }: HostOptions = {},
): Promise<TestHost> {
  const name = `t${crypto.randomUUID().slice(0, 8)}`;
  const args = ["up", name];
  if (!engine) args.push("--no-engine");
  if (images) args.push("--images", suiteImages());
  // Two hosts that start at once could take the same address.
  const line = await execute("flock", [
    // The host runs on, and is not to hold on to the lock.
    "--close",
    join(Deno.env.get("TMPDIR") ?? "/tmp", "testbed-hosts.lock"),
    join(testbed(), "host"),
    ...args,
  ]);
  const [address = "", keyFile = "", knownHosts = ""] = line.trim().split(" ");
  return new TestHost({ name, address, keyFile, knownHosts });
}

interface HostAccess {
  readonly name: string;
  readonly address: string;
  readonly keyFile: string;
  readonly knownHosts: string;
}

/** A host that was booted, and what tests do to it. */
export class TestHost implements AsyncDisposable {
  readonly name: string;
  /** Where sshd answers, on port 22, to root with `keyFile`. */
  readonly address: string;
  readonly keyFile: string;
  readonly knownHosts: string;
  /** The address of this machine on the host's link. */
  readonly gateway: string;

  constructor({ name, address, keyFile, knownHosts }: HostAccess) {
    this.name = name;
    this.address = address;
    this.keyFile = keyFile;
    this.knownHosts = knownHosts;
    this.gateway = address.replace(/\.\d+$/, ".1");
  }

  /** Runs a command on the host, not over SSH; returns its output. Throws what it says if it fails. */
  exec(...command: readonly string[]): Promise<string> {
    return this.#do("exec", ...command);
  }

  /** Runs a shell script on the host, not over SSH. */
  shell(script: string): Promise<string> {
    return this.exec("sh", "-c", script);
  }

  /** Takes the link down: packets vanish. */
  async cut(): Promise<void> {
    await this.#do("cut");
  }

  async heal(): Promise<void> {
    await this.#do("heal");
  }

  /**
   * Kills everything on it and starts it again with the same keys, address and disk. Names and links
   * of its network may be in use for a moment longer: then it is tried again.
   */
  async reboot(): Promise<void> {
    for (let tries = 1;; tries++) {
      try {
        await this.#do("reboot");
        return;
      } catch (error) {
        if (tries === 3) throw error;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#do("down");
  }

  #do(verb: string, ...args: readonly string[]): Promise<string> {
    return execute(join(testbed(), "host"), [verb, this.name, ...args]);
  }
}

const imageArchive = "e2e-images.tar.zst";

/** The folder of the tools that tests use and this project does not have. */
export function testbed(): string {
  return Deno.env.get("FARLET_TESTBED") ??
    join(import.meta.dirname ?? ".", "..", "..", "shared", "testbed");
}

function whatIsMissing(): string | undefined {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) {
    return "needs Linux and root for throw-away hosts";
  }
  if (!exists(join(testbed(), "host"))) {
    return "no testbed with throw-away hosts; set FARLET_TESTBED";
  }
  const path = (Deno.env.get("PATH") ?? "").split(":");
  const programs = ["sshd", "podman", "ip", "nsenter", "flock", "zstd", "crun"];
  const missing = programs.filter((program) =>
    ![...path, "/usr/sbin"].some((dir) => exists(join(dir, program)))
  );
  return missing.length === 0
    ? undefined
    : `not installed: ${missing.join(", ")}`;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw new Error(`Cannot look at "${path}": ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function execute(
  program: string,
  args: readonly string[],
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    env: { BASH_ENV: join(import.meta.dirname ?? ".", "host_init.sh") },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (success) return new TextDecoder().decode(stdout);
  const why = new TextDecoder().decode(stderr).trim();
  throw new Error(`Cannot run ${program} ${args.join(" ")}: ${why}`);
}
