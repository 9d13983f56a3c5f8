import type { AbortOptions } from "../../async/abort.ts";
import { getLogger } from "../../async/log.ts";
import { UnreachableError } from "../errors.ts";
import type { ContainerRecord } from "./container_record.ts";
import type { Host } from "./host.ts";
import type { ExitDetails } from "./observe.ts";
import type { PodFiles } from "./pod_files.ts";

/** What {@linkcode ExitReader} works with. */
export interface ExitReaderParts {
  readonly host: Host;
  readonly files: PodFiles;
  /** Whether the container was killed by the agent itself. */
  readonly wasKilled: (id: string) => boolean;
}

const log = getLogger("ssh");
/** The code of a process that SIGKILL ended. */
const killedCode = 137;

/**
 * Looks for the containers that the kernel killed: Podman does not always learn of it. The IDs are
 * arguments; those found in the kernel's log are printed.
 */
const memoryKillScript = `
log=$(dmesg 2>/dev/null | grep -F oom_memcg=) || exit 0
for id; do
  case $log in *"$id"*) printf '%s\\n' "$id" ;; esac
done
`;

/** Finds out what engines do not tell of how containers ended, once for each. */
export class ExitReader {
  readonly #parts: ExitReaderParts;
  readonly #known = new Map<string, ExitDetails>();

  constructor(parts: ExitReaderParts) {
    this.#parts = parts;
  }

  /** The details of those that have ended or could not be started, by ID. */
  async of(
    records: readonly ContainerRecord[],
    options: AbortOptions,
  ): Promise<ReadonlyMap<string, ExitDetails>> {
    const unknown = records.filter((record) =>
      hasEnded(record) && !this.#known.has(record.id)
    );
    const killed = await this.#killedForMemory(unknown, options);
    await Promise.all(unknown.map(async (record) => {
      const { id, pod, container, attempt, state } = record;
      const message = await this.#parts.files.readTerminationMessage(
        pod.uid,
        container,
        attempt,
        options,
      );
      // It may still be about to start.
      if (state.kind === "created" && message === undefined) return;
      this.#known.set(id, {
        ...(message === undefined ? {} : { message }),
        ...(killed.has(id) ? { oomKilled: true } : {}),
      });
    }));
    return this.#known;
  }

  /** Keeps why a container could not be started, also for the next agent. */
  async startFailed(
    id: string,
    { message, path }: {
      readonly message: string;
      /** The file for its termination message. */
      readonly path: string;
    },
    options: AbortOptions,
  ): Promise<void> {
    this.#known.set(id, { message });
    try {
      const script = `cat >"$1"`;
      await this.#parts.host.run(script, [path], {
        ...options,
        stdin: message,
      });
    } catch (error) {
      options.signal.throwIfAborted();
      // The next agent starts it once more, and learns of it so.
      log.warn("Cannot write why a container could not be started", { error });
    }
  }

  /** Lets go of what is known of a container that is gone. */
  forget(id: string): void {
    this.#known.delete(id);
  }

  async #killedForMemory(
    records: readonly ContainerRecord[],
    options: AbortOptions,
  ): Promise<ReadonlySet<string>> {
    const suspects = records.filter(({ id, state, limited }) =>
      limited && state.kind === "exited" && state.code === killedCode &&
      !state.oomKilled && !this.#parts.wasKilled(id)
    );
    if (suspects.length === 0) return new Set();
    try {
      const ids = suspects.map(({ id }) => id);
      const { stdout } = await this.#parts.host
        .run(memoryKillScript, ids, { ...options });
      return new Set(stdout.split("\n"));
    } catch (error) {
      options.signal.throwIfAborted();
      if (error instanceof UnreachableError) throw error;
      log.debug("Cannot read the log of the kernel", { error });
      return new Set();
    }
  }
}

function hasEnded({ kind, state }: ContainerRecord): boolean {
  if (kind !== "container") return false;
  switch (state.kind) {
    case "running":
    case "lost":
      return false;
    case "created":
      return state.error === "";
    case "exited":
      return true;
  }
}
