import { Command } from "commander";
import { ConfigError } from "../async/config_error.ts";
import type { CliContext } from "./context.ts";
import { print } from "./output.ts";

const examples = `
Examples:
  farlet print rbac --node-name edge-1 | kubectl apply -f -
  farlet print systemd > /etc/systemd/system/farlet.service
  farlet print config > agent.yaml`;

/** `farlet print rbac|systemd|config`: what an operator applies, as text. */
export function printCommand(_context: CliContext): Command {
  const command = new Command("print")
    .description("Print what an operator applies")
    .helpCommand(false);
  command.command("rbac")
    .description("The permissions that farlet needs in the cluster")
    .option("--namespace <name>", "where its service account lives", "farlet")
    .option("--node-name <name>", "restrict it to this node")
    .action(async (options: {
      readonly namespace: string;
      readonly nodeName?: string;
    }) => {
      const { isSubdomain } = await import("../config_node.ts");
      const { rbacManifest } = await import("./rbac.ts");
      for (const name of [options.namespace, options.nodeName ?? "any"]) {
        if (isSubdomain(name)) continue;
        throw new ConfigError(
          `Cannot use "${name}" as a name: expected lower-case letters, digits, - and .`,
        );
      }
      print(rbacManifest(options));
    });
  command.command("systemd")
    .description("A systemd unit for farlet serve")
    .action(async () => {
      const { systemdUnit } = await import("./systemd_unit.ts");
      print(systemdUnit);
    });
  command.command("config")
    .description("A configuration with every field and its default")
    .action(async () => {
      const { defaultConfig } = await import("./default_config.ts");
      print(defaultConfig);
    });
  for (const each of [command, ...command.commands]) {
    each.addHelpText("after", examples);
  }
  return command;
}
