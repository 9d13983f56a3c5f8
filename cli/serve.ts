import { Command, Option } from "commander";
import { settings } from "../config_settings.ts";
import type { CliContext } from "./context.ts";

const examples = `
Examples:
  farlet serve --config /etc/farlet/agent.yaml
  farlet serve --kubeconfig ~/.kube/config --node-name edge-1 --node-ip 10.0.0.5
  farlet print config > agent.yaml

Every field of the file is in the output of "farlet print config". A flag beats
an environment variable, which beats the file.`;

/** `farlet serve`: a node of a cluster, until the signal aborts. */
export function serveCommand({ env, signal }: CliContext): Command {
  const command = new Command("serve")
    .description("Be one or more nodes of a Kubernetes cluster")
    .option("--config <file>", "an AgentConfiguration")
    .addHelpText("after", examples);
  for (const { flag, help, env: [variable], repeatable } of settings) {
    if (flag === undefined) continue;
    const option = new Option(
      flag,
      `${help}${variable ? ` [${variable}]` : ""}`,
    );
    if (repeatable) option.argParser(appended);
    command.addOption(option);
  }
  return command.action(
    async ({ config: file }: { readonly config?: string }) => {
      const { loadConfig } = await import("../config.ts");
      const config = await loadConfig({
        file,
        flags: givenFlags(command),
        env,
      });
      const { configureLogging } = await import("../async/log.ts");
      await configureLogging({
        level: config.logLevel,
        format: config.logFormat,
      });
      const { runAgent } = await import("./run_agent.ts");
      await runAgent(config, { env, signal });
    },
  );
}

/** The settings that the command line names, by their flags. */
export function givenFlags(
  command: Command,
): ReadonlyMap<string, string | readonly string[]> {
  const given = command.options.filter((option) =>
    command.getOptionValueSource(option.attributeName()) === "cli"
  );
  return new Map(given.map((option): [string, string | readonly string[]] => {
    const value: unknown = command.getOptionValue(option.attributeName());
    const values = Array.isArray(value) ? value.map(String) : String(value);
    return [option.flags, values];
  }));
}

/** Collects the values of a flag that may be given more than once. */
export function appended(
  value: string,
  values: readonly string[] = [],
): readonly string[] {
  return [...values, value];
}
