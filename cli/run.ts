import { Command, Option } from "commander";
import { join, resolve } from "node:path";
import { ConfigError } from "../async/config_error.ts";
import {
  type LocalProviderName,
  localProviderNames,
} from "../config_settings.ts";
import type { CliContext } from "./context.ts";
import { RunConsole } from "./run_console.ts";
import { createScratchState } from "./scratch_state.ts";
import { appended } from "./serve.ts";

const examples = `
The manifests hold Pods and the ConfigMaps and Secrets they refer to. An image is
a module beside the manifest (file:./hello.wasm), below a directory that
--allow-local-modules names, or in the store ("farlet image load"). The exit code
is that of the pods. Ctrl-C stops them gracefully; a second one, at once.

Examples:
  farlet run pod.yaml
  farlet run manifests/
  cat pod.yaml | farlet run -`;

interface RunFlags {
  readonly provider: LocalProviderName;
  readonly stateDir?: string;
  readonly engine: "v8" | "wasmtime";
  readonly wasmtime?: string;
  readonly allowLocalModules?: readonly string[];
  readonly insecureRegistry?: readonly string[];
  readonly verbose?: boolean;
}

/** `farlet run`: pods without a cluster, until they have ended or the signal aborts. */
export function runCommand({ env, signal, exitWith }: CliContext): Command {
  return new Command("run")
    .description("Run the pods of manifests here, without a cluster")
    .argument("<manifests>", "a file, a directory, or - for standard input")
    .addOption(
      new Option("--provider <name>", "what runs the containers")
        .choices(localProviderNames).default("wasm"),
    )
    .addOption(
      new Option(
        "--allow-local-modules <dir>",
        "directory whose modules pods may name as file: images; repeatable",
      ).argParser(appended),
    )
    .option(
      "--insecure-registry <host>",
      "registry that may do without TLS; repeatable",
      appended,
    )
    .addOption(
      new Option("--engine <name>", "what runs the modules")
        .choices(["v8", "wasmtime"]).default("v8"),
    )
    .option(
      "--wasmtime <path>",
      "the wasmtime of --engine wasmtime, instead of that on the PATH",
    )
    .option("--state-dir <dir>", "where modules are kept [FARLET_STATE_DIR]")
    .option("-v, --verbose", "tell every event of the pods, not only warnings")
    .addHelpText("after", examples)
    .action(async (source: string, flags: RunFlags) => {
      const { configureLogging } = await import("../async/log.ts");
      await configureLogging({ level: "warning", format: "text" });
      const { runManifests } = await import("../standalone.ts");
      const { stateDirFrom } = await import("../config.ts");
      const { createLocalProvider } = await import("../create_provider.ts");
      const stateDir = flags.stateDir === undefined
        ? stateDirFrom(env)
        : resolve(flags.stateDir);
      await using state = await createScratchState(stateDir, {
        sharesModules: flags.provider === "wasm",
      });
      const allowed = flags.allowLocalModules ?? [];
      const { engine, wasmtime, insecureRegistry } = flags;
      if (engine === "v8" && wasmtime !== undefined) {
        throw new ConfigError("--wasmtime is only for --engine wasmtime");
      }
      const exitCode = await runManifests({
        source,
        socket: await socketOfRun(stateDir),
        createProvider: (directories) =>
          createLocalProvider(flags.provider, {
            stateDir: state.path,
            env,
            localAddresses: true,
            allowLocalModules: [...allowed, ...directories].map((dir) =>
              resolve(dir)
            ),
            ...(insecureRegistry && { insecureRegistries: insecureRegistry }),
            engine,
            ...(wasmtime !== undefined && { wasmtime: resolve(wasmtime) }),
          }),
        console: new RunConsole({ env, verbose: flags.verbose ?? false }),
        signal,
      });
      exitWith(exitCode);
    });
}

/** A path for the socket of this run; those of runs that were killed are removed. */
async function socketOfRun(stateDir: string): Promise<string> {
  const { runSocketName } = await import("./local_api.ts");
  const { removeDeadSockets } = await import("../kubelet/local_socket.ts");
  try {
    await Deno.mkdir(stateDir, { recursive: true, mode: 0o700 });
    await removeDeadSockets(stateDir, runSocketName);
  } catch {
    // Whoever listens there will say what is wrong.
  }
  return join(stateDir, `run-${Deno.pid}.sock`);
}
