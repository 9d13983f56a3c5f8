import type { AbortOptions } from "../../async/abort.ts";
import { Deadline } from "../../async/deadline.ts";
import { delay } from "../../async/delay.ts";
import { getLogger } from "../../async/log.ts";
import type { EngineClient } from "./engine/engine_client.ts";
import type { Host } from "./host.ts";

/** Milliseconds for ending a command that nobody wants any more. */
const endingTime = 4_000;

const log = getLogger("ssh");

/** A command in a container that nobody waits for. */
export interface StrayCommand {
  readonly engine: Pick<
    EngineClient,
    "execCreate" | "execStart" | "execInspect" | "inspectContainer"
  >;
  readonly host: Host;
  readonly container: string;
  readonly execId: string;
}

/**
 * Kills the process of the ID `$1` and all of its session: engines start a command in a session of
 * its own, whose leader may be gone (crun's is). When the user may not, prints the ID that the
 * process has in its own container.
 *
 * Hosts use IDs again, and engines learn late that a process is gone: nothing is killed that is not
 * in the container `$2`, whose own process is `$3`. Its cgroup tells, or, of a rootless engine
 * without cgroups, its mounts.
 */
export const killScript = `
container=$2 own=$3
[ -n "$container" ] || exit 0
mounts() { readlink "/proc/$1/ns/mnt" || echo "none of $1"; }
contained() {
  case $(cat "/proc/$1/cgroup") in *"$container"*) return 0 ;; esac
  [ "$(mounts "$1")" = "$(mounts "$own")" ] && [ "$(mounts "$1")" != "$(mounts self)" ]
}
exec 2>/dev/null
stat=$(cat "/proc/$1/stat") || exit 0
contained "$1" || exit 0
session=$(set -- \${stat##*) }; echo "$4")
if ! kill -KILL "$1"; then
  [ -d "/proc/$1" ] || exit 0
  sed -n 's/^NSpid:.*[[:space:]]//p' "/proc/$1/status"
  exit 0
fi
[ "$session" -gt 1 ] || exit 0
for each in /proc/[0-9]*/stat; do
  read -r stat <"$each" || continue
  set -- \${stat##*) }
  [ "$4" = "$session" ] || continue
  each=\${each%/stat}
  each=\${each#/proc/}
  if contained "$each"; then kill -KILL "$each"; fi
done
exit 0
`;

/** Kills such a command and what is in its session: engines have no request for it. Never rejects. */
export async function endCommand(stray: StrayCommand): Promise<void> {
  const { engine, host, container, execId } = stray;
  using deadline = new Deadline(endingTime, {
    signal: new AbortController().signal,
  });
  try {
    // It may be about to start.
    for (let wait = 20; wait < 1_000; wait *= 2) {
      const state = await engine.execInspect(execId, deadline);
      if (state === undefined) return;
      const { Running: running = false, Pid: pid = 0, ExitCode: code } = state;
      if (pid > 0 && running) {
        const inspect = await engine.inspectContainer(container, deadline);
        const own = String(inspect?.State.Pid ?? 0);
        const args = [String(pid), container, own];
        const { stdout } = await host.run(killScript, args, deadline);
        const inside = stdout.trim();
        if (inside !== "") await killInside(stray, inside, deadline);
        return;
      }
      if (pid > 0 || (code ?? 0) !== 0) return;
      await delay(wait, deadline);
    }
  } catch (error) {
    log.debug("Could not end a command in a container", { container, error });
  }
}

/** The way of a user who may not send signals to it: by the `kill` of the container. */
async function killInside(
  { engine, container }: StrayCommand,
  pid: string,
  options: AbortOptions,
): Promise<void> {
  const execId = await engine.execCreate(container, {
    command: ["kill", "-KILL", pid],
    stdin: false,
    tty: false,
    user: "0",
  }, options);
  const connection = await engine.execStart(execId, { tty: false, ...options });
  while (await connection.read() !== undefined) {
    // What it says is for nobody.
  }
  connection.destroy();
}
