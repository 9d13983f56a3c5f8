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
  farlet image pull ghcr.io/example/hello:1.0
  farlet image list
  farlet image remove example.com/hello:1.0
  farlet image prune`;

interface StateOptions {
  readonly stateDir?: string;
}

/** `farlet image load|pull|list|remove|prune`: the images of the WASI pods of this machine. */
export function imageCommand({ env, signal }: CliContext): Command {
  const image = new Command("image")
    .description("Manage the images of WASI pods")
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
  image.command("pull")
    .description("Fetch an image from its registry into the store")
    .argument("<name>", "the image, such as ghcr.io/example/hello:1.0")
    .action(async (name: string, options: StateOptions) => {
      const store = await openStore(options, env);
      const { pullImage } = await import("../providers/wasm/image_puller.ts");
      await usingName(() => pullImage(name, { store, env, signal }));
      const stored = await store.stored(name);
      if (stored !== undefined) print(`${described(stored)}\n`);
    });
  image.command("list")
    .alias("ls")
    .description("List the images in the store")
    .action(async (options: StateOptions) => {
      const stored = await (await openStore(options, env)).list();
      print(shown(stored).map((each) => `${described(each)}\n`).join(""));
    });
  image.command("prune")
    .description("Remove images from registries that no container has")
    .action(async (options: StateOptions) => {
      const { ImageUses } = await import("../providers/wasm/image_uses.ts");
      const { pruneImages } = await import(
        "../providers/wasm/prune_images.ts"
      );
      const uses = new ImageUses(await stateDirOf(options, env));
      const store = await openStore(options, env);
      const { images, bytes } = await pruneImages(store, uses);
      print(images.map((name) => `${name}\n`).join(""));
      print(`${(bytes / 1000).toFixed(0)} kB freed\n`);
    });
  image.command("remove")
    .alias("rm")
    .description("Remove a name from the store")
    .argument("<name>", "as `image list` shows it")
    .action(async (name: string, options: StateOptions) => {
      const store = await openStore(options, env);
      const { ImageUses } = await import("../providers/wasm/image_uses.ts");
      const used = await new ImageUses(await stateDirOf(options, env)).used();
      if (await usingName(() => store.remove(name, used))) {
        await store.sweep(used);
        return;
      }
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
  const { checkProgram } = await import("../providers/wasm/program_check.ts");
  const { readBytes } = await import("../async/yaml_file.ts");
  const check = checkProgram(await readBytes(file));
  if (check.kind !== "invalid") return;
  throw new ConfigError(`Cannot use "${file}": ${check.message}`);
}

async function openStore(options: StateOptions, env: Environment) {
  const { ModuleStore } = await import("../providers/wasm/modules.ts");
  return new ModuleStore({
    stateDir: await stateDirOf(options, env),
    allowLocalModules: [],
  });
}

async function stateDirOf(
  { stateDir }: StateOptions,
  env: Environment,
): Promise<string> {
  const { stateDirFrom } = await import("../config.ts");
  return stateDir === undefined ? stateDirFrom(env) : resolve(stateDir);
}

/** A name by digest counts where the image has no other. */
function shown(stored: readonly StoredModule[]): readonly StoredModule[] {
  const tagged = new Set(
    stored.filter(({ name }) => !name.includes("@"))
      .map(({ pulled }) => pulled?.imageId),
  );
  return stored.filter(({ name, pulled }) =>
    !name.includes("@") || !tagged.has(pulled?.imageId)
  );
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
