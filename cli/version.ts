import { Command, Option } from "commander";
import { version as farlet } from "../version.ts";
import type { CliContext } from "./context.ts";
import { print } from "./output.ts";

/** `farlet version`. */
export function versionCommand(_context: CliContext): Command {
  return new Command("version")
    .description("Print the version of farlet and of the runtime in it")
    .addOption(
      new Option("-o, --output <format>", "text or json")
        .choices(["text", "json"]).default("text"),
    )
    .addHelpText("after", "\nExample:\n  farlet version -o json")
    .action(({ output }: { readonly output: string }) => {
      const { deno, v8 } = Deno.version;
      const platform = `${Deno.build.os}/${Deno.build.arch}`;
      const version = { farlet, deno, v8, platform };
      print(
        output === "json"
          ? `${JSON.stringify(version)}\n`
          : `farlet ${farlet} (Deno ${deno}, ${platform})\n`,
      );
    });
}
