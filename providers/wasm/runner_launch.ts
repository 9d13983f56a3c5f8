import { join } from "node:path";
import type { RunnerLaunch } from "./guest_process.ts";

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
  if (Deno.build.standalone) return [Deno.execPath(), "__wasm-runner"];
  const runner = new URL("./runner.ts", import.meta.url);
  const local = ["--no-config", "--no-lock", "--no-remote", "--no-npm"];
  return [
    Deno.execPath(),
    "run",
    "-A",
    "--quiet",
    ...(runner.protocol === "file:" ? local : []),
    runner.href,
  ];
}
