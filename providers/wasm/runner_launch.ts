import { join } from "node:path";
import { Semaphore } from "../../async/semaphore.ts";
import { ownProcess } from "../../async/own_process.ts";
import { type RunnerLaunch, spawnChild } from "./runner_process.ts";
import { SpareRunners } from "./spare_runners.ts";

/**
 * How to start runners: by `command`, or by this program itself.
 *
 * @param spares How many are started ahead, by now; the caller disposes of them.
 */
export function runnerLaunch(
  stateDir: string,
  command: readonly string[] = ownCommand(),
  spares = 0,
): RunnerLaunch {
  const launch = plainLaunch(stateDir, command);
  if (spares === 0) return launch;
  const start = () => spawnChild(launch);
  return { ...launch, spares: new SpareRunners({ count: spares, start }) };
}

function plainLaunch(
  stateDir: string,
  command: readonly string[],
): RunnerLaunch {
  return {
    command,
    cwd: stateDir,
    // More at once would only make each of them, and this process, wait.
    starting: new Semaphore(2 * navigator.hardwareConcurrency),
    env: {
      // Without HOME, Deno has no other place for its cache.
      DENO_DIR: join(stateDir, "deno"),
      DENO_NO_UPDATE_CHECK: "1",
      // Guests trust whom this machine trusts.
      DENO_TLS_CA_STORE: "system,mozilla",
      NO_COLOR: "1",
    },
  };
}

function ownCommand(): readonly string[] {
  const module = new URL("./runner.ts", import.meta.url);
  // Its imports are files beside it: nothing else need be looked for.
  const local = ["--no-config", "--no-lock", "--no-remote", "--no-npm"];
  return ownProcess({
    module,
    argument: "__wasm-runner",
    flags: module.protocol === "file:" ? local : [],
  });
}
