import { Command } from "commander";
import { ConfigError } from "../async/config_error.ts";
import type { CliContext } from "./context.ts";
import { printError } from "./output.ts";

const examples = `
Cordons the nodes, evicts their pods as "kubectl drain" does (budgets are heeded,
pods of DaemonSets stay to the end), lets the running agent remove everything that
it has put on the hosts, and deletes the Nodes.

Examples:
  farlet leave 10.0.0.11 10.0.0.12 --kubeconfig ~/.kube/config
  farlet leave pi-12 --force --timeout 5m`;

interface LeaveFlags {
  readonly kubeconfig?: string;
  readonly force?: boolean;
  readonly deleteEmptydirData?: boolean;
  readonly timeout: string;
}

/** `farlet leave`: takes nodes out of the cluster, leaving nothing behind. */
export function leaveCommand({ env, signal }: CliContext): Command {
  return new Command("leave")
    .description("Drain nodes and take them out of the cluster")
    .argument("<node...>", "names of nodes, as kubectl shows them")
    .option("--kubeconfig <file>", "how to reach the cluster")
    .option("--force", "also end pods that no controller will replace")
    .option("--delete-emptydir-data", "also end pods that use emptyDir volumes")
    .option("--timeout <duration>", "give up after so long", "10m")
    .addHelpText("after", examples)
    .action(async (nodes: readonly string[], flags: LeaveFlags) => {
      const { parseDuration } = await import("../k8s/duration.ts");
      const timeout = parseDuration(flags.timeout);
      if (timeout === undefined || timeout <= 0) {
        throw new ConfigError(
          `Cannot use --timeout: expected a duration such as 10m, not "${flags.timeout}"`,
        );
      }
      const { loadCredentials } = await import("../k8s/kubeconfig.ts");
      const { KubeClient } = await import("../k8s/client.ts");
      const { leaveNode } = await import("./leave_node.ts");
      using client = new KubeClient(
        await loadCredentials({
          ...(flags.kubeconfig === undefined
            ? {}
            : { kubeconfig: flags.kubeconfig }),
          env,
        }),
      );
      for (const name of nodes) {
        await leaveNode(client, name, {
          force: flags.force ?? false,
          deleteEmptyDirData: flags.deleteEmptydirData ?? false,
          timeout,
          tell: (line) => printError(`${line}\n`),
          signal,
        });
      }
    });
}
