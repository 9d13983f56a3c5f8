import { Command, Option } from "commander";
import { resolve } from "node:path";
import { configHeader } from "../config_schema.ts";
import type { NodeConfig } from "../config_node.ts";
import { settings } from "../config_settings.ts";
import type { CliContext } from "./context.ts";
import type { NodeFlags } from "./join_nodes.ts";
import type { Prompts } from "./prompts.ts";
import { appended, givenFlags } from "./serve.ts";
import { withSshFlags } from "./ssh_flags.ts";

const examples = `
Targets are ssh://user@host:port, user@host, or aliases of the file that
--ssh-config names, with ranges: ssh://pi@10.0.0.{11..30}. Every host becomes a
node named after it. Ctrl-C stops the agent; the pods go on, and the next agent
adopts them. "farlet leave" takes a node out of the cluster.

Examples:
  farlet join ssh://root@10.0.0.7 --kubeconfig ~/.kube/config
  farlet join ssh://pi@10.0.0.{11..30} -i ~/.ssh/farm --save agent.yaml
  farlet join pi-12 --ssh-config ~/.ssh/config --dry-run`;

/** Flags of `farlet serve` that mean the agent, not one of its nodes. */
const agentFlags = [
  "--kubeconfig <file>",
  "--node-ip <address>",
  "--kubelet-port <port>",
  "--state-dir <dir>",
  "--log-level <level>",
  "--log-format <format>",
];

interface JoinFlags extends NodeFlags {
  readonly dryRun?: boolean;
  readonly keepGoing?: boolean;
  readonly save?: string;
}

/** `farlet join`: makes nodes of hosts, and is their agent until the signal aborts. */
export function joinCommand({ env, signal, exitWith }: CliContext): Command {
  const command = withSshFlags(
    new Command("join")
      .description("Make nodes of hosts that you can log in to with SSH")
      .argument("<target...>", "hosts, such as ssh://root@10.0.0.7"),
  )
    .option("--node-name <name>", "name of the node, with one target")
    .option("--no-taint", "leave the nodes open to every pod")
    .addOption(
      new Option("--label <key=value>", "label of the nodes; repeatable")
        .argParser(appended),
    )
    .option("--dry-run", "only look at the hosts")
    .option("--keep-going", "go on with the hosts that can be nodes")
    .option("--save <file>", 'also write what "farlet serve" reads');
  for (const { flag, help, env: [variable] } of settings) {
    if (flag === undefined || !agentFlags.includes(flag)) continue;
    const hint = variable ? ` [${variable}]` : "";
    command.addOption(new Option(flag, `${help}${hint}`));
  }
  return command.addHelpText("after", examples).action(
    async (targets: readonly string[], flags: JoinFlags) => {
      const { loadConfig } = await import("../config.ts");
      const { joinNodes } = await import("./join_nodes.ts");
      const { joinHosts } = await import("./join_hosts.ts");
      const given = givenFlags(command);
      const nodes = joinNodes(targets, flags);
      const document = { ...configHeader, nodes };
      const config = await loadConfig({
        document,
        flags: new Map(
          [...given].filter(([flag]) => agentFlags.includes(flag)),
        ),
        env,
      });
      const { configureLogging } = await import("../async/log.ts");
      await configureLogging({
        level: config.logLevel,
        format: config.logFormat,
      });
      if (flags.save !== undefined) {
        const { saveConfig } = await import("./save_config.ts");
        await saveConfig(resolve(flags.save), nodes, { config, env });
      }
      const { Prompts } = await import("./prompts.ts");
      const prompts = Prompts.atTerminal({ signal });
      if (prompts !== undefined) {
        await trustNodes(config.nodes, { prompts, env, signal });
      }
      exitWith(
        await joinHosts(config, {
          ...(prompts === undefined ? {} : { prompts }),
          dryRun: flags.dryRun ?? false,
          keepGoing: flags.keepGoing ?? false,
          env,
          signal,
        }),
      );
    },
  );
}

/** Asks about the keys of hosts that are not known yet. */
async function trustNodes(
  nodes: readonly NodeConfig[],
  { prompts, env, signal }: Pick<CliContext, "env" | "signal"> & {
    readonly prompts: Prompts;
  },
): Promise<void> {
  const { resolveTarget } = await import(
    "../providers/ssh/transport/resolve_target.ts"
  );
  const { trustHosts } = await import("./trust_host.ts");
  const askPassphrase = (source: string) => prompts.askPassphrase(source);
  const targets = await Promise.all(
    nodes.flatMap(({ ssh }) =>
      ssh === undefined ? [] : [resolveTarget(ssh, { env, askPassphrase })]
    ),
  );
  await trustHosts(targets, { prompts, signal });
}
