import { Command, Option } from "commander";
import { ConfigError } from "../async/config_error.ts";
import type { CliContext } from "./context.ts";
import { print, wantsColour } from "./output.ts";
import { type SshFlags, withSshFlags } from "./ssh_flags.ts";

const examples = `
Looks at hosts as "farlet join" would use them, and leaves nothing behind there.
The exit code is 1 when one of them cannot be a node; warnings do not count.

Examples:
  farlet doctor ssh://root@10.0.0.7
  farlet doctor ssh://pi@10.0.0.{11..30} -i ~/.ssh/farm
  farlet doctor pi-12 --ssh-config ~/.ssh/config -o json`;

interface DoctorFlags extends SshFlags {
  readonly output?: "json" | "yaml";
}

/** `farlet doctor`: says whether hosts can be nodes, and what to do where they cannot. */
export function doctorCommand({ env, signal, exitWith }: CliContext): Command {
  const command = new Command("doctor")
    .description("Find out whether hosts can be nodes")
    .argument("<target...>", "hosts, such as ssh://root@10.0.0.7");
  return withSshFlags(command)
    .addOption(
      new Option("-o, --output <format>", "how to print what was found")
        .choices(["json", "yaml"]),
    )
    .addHelpText("after", examples)
    .action(
      async (
        targets: readonly string[],
        { output, ...flags }: DoctorFlags,
      ) => {
        const { expandTargets, parseTargetAddress } = await import(
          "../providers/ssh/transport/target_address.ts"
        );
        const { resolveTarget } = await import(
          "../providers/ssh/transport/resolve_target.ts"
        );
        const { sshSettings } = await import("./ssh_flags.ts");
        const { Prompts } = await import("./prompts.ts");
        const { reportHosts } = await import("./doctor_report.ts");
        const prompts = Prompts.atTerminal({ signal });
        const context = {
          env,
          ...(prompts === undefined ? {} : {
            askPassphrase: (source: string) => prompts.askPassphrase(source),
          }),
        };
        const names = targets.flatMap((target) => [...expandTargets(target)]);
        const twice = names.find((name, index) => names.indexOf(name) < index);
        if (twice !== undefined) {
          throw new ConfigError(`Cannot examine "${twice}": it is named twice`);
        }
        const settings = sshSettings(flags);
        const hosts = await Promise.all(names.map((name) =>
          resolveTarget(
            { ...parseTargetAddress(name), ...settings },
            context,
          )
        ));
        const usable = await reportHosts(hosts, {
          ...(output === undefined ? {} : { format: output }),
          colours: wantsColour(Deno.stdout, env),
          print,
          signal,
        });
        exitWith(usable ? 0 : 1);
      },
    );
}
