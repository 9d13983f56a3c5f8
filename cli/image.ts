import { Command, Option } from "commander";
import { join, resolve } from "node:path";
import type { AbortOptions } from "../async/abort.ts";
import { ConfigError } from "../async/config_error.ts";
import type { Environment } from "../config_settings.ts";
import { openNamed } from "../async/yaml_file.ts";
import type { ModuleStore } from "../providers/wasm/modules.ts";
import type { CliContext } from "./context.ts";
import { describeImage, formatImages } from "./image_list.ts";
import { print } from "./output.ts";
import { PullDisplay } from "./pull_display.ts";
import { appended } from "./serve.ts";

const examples = `
Examples:
  farlet image load example.com/hello:1.0 hello.wasm
  docker save hello:1.0 | farlet image load -
  farlet image pull ghcr.io/example/hello:1.0
  farlet image list -o yaml
  farlet image remove example.com/hello:1.0
  farlet image prune`;

interface StateOptions {
  readonly stateDir?: string;
}

interface PullOptions extends StateOptions {
  readonly insecureRegistry?: readonly string[];
}

interface ListOptions extends StateOptions {
  readonly output?: "json" | "yaml";
}

/** `farlet image load|pull|list|remove|prune`: the images of the WASI pods of this machine. */
export function imageCommand({ env, signal }: CliContext): Command {
  const image = new Command("image")
    .description("Manage the images of WASI pods")
    .helpCommand(false)
    .addHelpText("after", examples);
  image.command("load")
    .summary("Put a program or an archive of images into the store")
    .description(
      "Put a program or an archive of images into the store: a WASI module or component, an OCI layout, or what `docker save` writes.",
    )
    .usage("[options] [name] <file>")
    .argument(
      "<name>",
      "the image that pods name, such as hello:1.0; archives may name theirs",
    )
    .argument("[file]", "the file; - for standard input")
    .action(async (
      ...[first, second, options]: [string, string | undefined, StateOptions]
    ) => {
      const [name, file] = second === undefined
        ? [undefined, first]
        : [first, second];
      const store = await openStore(options, env);
      const { loadImage } = await import("../providers/wasm/load_image.ts");
      await using input = await openInput(file, store, { signal });
      const loaded = await usingName(() =>
        loadImage(input.path, {
          ...{ store, source: input.name, signal },
          ...(name === undefined ? {} : { name }),
        })
      );
      print(loaded.map((each) => `${describeImage(each)}\n`).join(""));
    });
  image.command("pull")
    .description("Fetch an image from its registry into the store")
    .argument("<name>", "the image, such as ghcr.io/example/hello:1.0")
    .option(
      "--insecure-registry <host>",
      "registry that may do without TLS; repeatable",
      appended,
    )
    .action(async (name: string, options: PullOptions) => {
      const store = await openStore(options, env);
      const { pullImage } = await import("../providers/wasm/image_puller.ts");
      const { insecureRegistry } = options;
      {
        using display = new PullDisplay(Deno.stderr);
        await usingName(() =>
          pullImage(name, {
            ...{ store, env, signal },
            ...(insecureRegistry && { insecureRegistries: insecureRegistry }),
            onProgress: (progress) => display.show(progress),
          })
        );
      }
      const stored = await store.stored(name);
      if (stored !== undefined) print(`${describeImage(stored)}\n`);
    });
  image.command("list")
    .alias("ls")
    .description("List the images in the store")
    .addOption(
      new Option("-o, --output <format>", "how to print")
        .choices(["json", "yaml"]),
    )
    .action(async ({ output, ...options }: ListOptions) => {
      const stored = await (await openStore(options, env)).list();
      print(formatImages(stored, output));
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

/** What to load; what comes through a pipe is kept on the disk meanwhile, as it may be large. */
async function openInput(
  file: string,
  { content }: ModuleStore,
  { signal }: AbortOptions,
): Promise<AsyncDisposable & { readonly path: string; readonly name: string }> {
  await using stack = new AsyncDisposableStack();
  const name = file === "-" ? "standard input" : file;
  const input = file === "-" ? undefined : stack.use(await openNamed(file));
  if (input !== undefined && (await input.stat()).isFile) {
    return { path: file, name, [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  const scratch = stack.use(await content.scratch());
  const path = join(scratch.path, "input");
  using copy = await Deno.open(path, { write: true, createNew: true });
  await (input ?? Deno.stdin).readable.pipeTo(copy.writable, { signal });
  const kept = stack.move();
  return { path, name, [Symbol.asyncDispose]: () => kept.disposeAsync() };
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
