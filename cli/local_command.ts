import type { Command } from "commander";
import { resolve } from "node:path";
import type { CliContext } from "./context.ts";
import type { LocalApi } from "./local_api.ts";

/** The flags of {@linkcode withPodFlags}. */
export interface PodFlags {
  readonly namespace: string;
  readonly socket?: string;
  readonly stateDir?: string;
}

/** Adds what every command that looks for a pod of this machine's agent takes. */
export function withPodFlags(command: Command): Command {
  return command
    .option("-n, --namespace <name>", "the namespace of the pod", "default")
    .option("--socket <file>", "the agent's socket [FARLET_SOCKET]")
    .option("--state-dir <dir>", "where agents keep theirs [FARLET_STATE_DIR]");
}

/** The agent of this machine that the flags and the environment mean. */
export async function findLocalApi(
  { socket, stateDir }: Omit<PodFlags, "namespace">,
  { env, signal }: Pick<CliContext, "env" | "signal">,
): Promise<LocalApi> {
  const { LocalApi } = await import("./local_api.ts");
  const { stateDirFrom } = await import("../config.ts");
  return await LocalApi.find({
    socket,
    env,
    stateDir: stateDir === undefined ? stateDirFrom(env) : resolve(stateDir),
    signal,
  });
}
