import { Command } from "commander";
import { resolve } from "node:path";
import { ConfigError } from "../async/config_error.ts";
import type { Environment } from "../config_settings.ts";
import type { StoredModule } from "../providers/wasm/modules.ts";
import type { CliContext } from "./context.ts";
import { print } from "./output.ts";

const examples = `
Examples:
  farlet image load example.com/hello:1.0 hello.wasm
  farlet image list
  farlet image remove example.com/hello:1.0`;

interface StateOptions {
  readonly stateDir?: string;
}

/** `farlet image load|list|remove`: the modules that pods of this machine may name as images. */
export function imageCommand({ env }: CliContext): Command {
  const image = new Command("image")
    .description("Manage the WASI modules that pods may name as images")
    .helpCommand(false)
    .addHelpText("after", examples);
  image.command("load")
    .description("Put a module into the store, under a name")
    .argument("<name>", "the image that pods name, such as hello:1.0")
    .argument("<file>", "a WASI preview 1 module")
    .action(async (name: string, file: string, options: StateOptions) => {
      await refuseUnusable(file);
      const store = await openStore(options, env);
      const stored = await usingName(() => store.load(name, file));
      print(`${described(stored)}\n`);
    });
  image.command("list")
    .description("List the modules in the store")
    .action(async (options: StateOptions) => {
      const stored = await (await openStore(options, env)).list();
      print(stored.map((module) => `${described(module)}\n`).join(""));
    });
  image.command("remove")
    .description("Remove a name from the store")
    .argument("<name>", "as `image list` shows it")
    .action(async (name: string, options: StateOptions) => {
      const store = await openStore(options, env);
      if (await usingName(() => store.remove(name))) return;
      throw new ConfigError(
        `Cannot remove "${name}": it is not in the store; see \`farlet image list\``,
      );
    });
  for (const command of image.commands) {
    command
      .option("--state-dir <dir>", "where modules are kept [FARLET_STATE_DIR]")
      .addHelpText("after", examples);
  }
  return image;
}

/** What the user gives is read and looked at before anything is stored. */
async function refuseUnusable(file: string): Promise<void> {
  const { checkModule } = await import("../providers/wasm/module_check.ts");
  const { readBytes } = await import("../async/yaml_file.ts");
  const check = checkModule(await readBytes(file));
  if (check.kind === "ok") return;
  throw new ConfigError(`Cannot use "${file}": ${check.message}`);
}

async function openStore({ stateDir }: StateOptions, env: Environment) {
  const { stateDirFrom } = await import("../config.ts");
  const { ModuleStore } = await import("../providers/wasm/modules.ts");
  return new ModuleStore({
    stateDir: stateDir === undefined ? stateDirFrom(env) : resolve(stateDir),
    allowLocalModules: [],
  });
}

/** A name that no image can have is the user's mistake. */
async function usingName<T>(use: () => Promise<T>): Promise<T> {
  const { RuntimeError } = await import("../providers/errors.ts");
  try {
    return await use();
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    throw new ConfigError(error.message, { cause: error });
  }
}

function described({ name, digest, sizeBytes }: StoredModule): string {
  return `${name}  ${digest.slice(0, 19)}  ${(sizeBytes / 1000).toFixed(0)} kB`;
}
