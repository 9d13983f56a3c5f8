import { join } from "node:path";
import { ownProcess } from "../../async/own_process.ts";
import type { RunnerLaunch } from "./runner_process.ts";

/** How to start runners: by `command`, or by this program itself. */
export function runnerLaunch(
  stateDir: string,
  command: readonly string[] = ownCommand(),
): RunnerLaunch {
  return {
    command,
    cwd: stateDir,
    env: {
      // Without HOME, Deno has no other place for its cache.
      DENO_DIR: join(stateDir, "deno"),
      DENO_NO_UPDATE_CHECK: "1",
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
