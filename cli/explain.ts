import { Command, Option } from "commander";
import { ConfigError } from "../async/config_error.ts";
import { messageOf } from "../async/message_of.ts";
import type { Node } from "../k8s/types.ts";
import type { ProviderName } from "../pod_field_table.ts";
import type { CliContext } from "./context.ts";
import { findLocalApi } from "./local_command.ts";
import { print } from "./output.ts";

const examples = `
Says of every field of a manifest what a node makes of it: ok, emulated, refused,
ignored (the pod runs without it, and an Event says so), depends (on the host), or
elsewhere (none of a node's business). Pods, and what makes them: Deployment,
DaemonSet, ReplicaSet, StatefulSet, Job, CronJob.

The exit code is 1 when the node would refuse a field; without --node and --provider,
when every provider would.

Examples:
  farlet explain -f pod.yaml --node edge-1
  farlet explain -f pod.yaml --node edge-1 --config agent.yaml
  farlet explain -f deployment.yaml --provider ssh
  helm template web | farlet explain -f - -o json`;

const names = ["ssh", "wasm", "memory"] as const;

interface ExplainFlags {
  readonly filename: string;
  readonly node?: string;
  readonly config?: string;
  readonly provider?: ProviderName;
  readonly output?: "json" | "yaml";
  readonly socket?: string;
  readonly stateDir?: string;
}

/** `farlet explain`: what becomes of the fields of a pod, before any node has it. */
export function explainCommand(context: CliContext): Command {
  return new Command("explain")
    .description("Say what nodes make of the fields of a manifest")
    .requiredOption("-f, --filename <file>", "a manifest, or - for its text")
    .addOption(
      new Option("--node <name>", "a node of the agent on this machine")
        .conflicts("provider"),
    )
    .option("--config <file>", "the AgentConfiguration that has the node")
    .addOption(
      new Option("--provider <name>", "nodes of a kind").choices(names),
    )
    .addOption(
      new Option("-o, --output <format>", "how to print")
        .choices(["json", "yaml"]),
    )
    .option("--socket <file>", "the agent's socket [FARLET_SOCKET]")
    .option("--state-dir <dir>", "where agents keep theirs [FARLET_STATE_DIR]")
    .addHelpText("after", examples)
    .action(async ({ filename, output, ...flags }: ExplainFlags) => {
      const { parseYaml, readYamlFile } = await import("../async/yaml_file.ts");
      const { podTemplates } = await import("./pod_templates.ts");
      const { explainPods } = await import("./explain_report.ts");
      const documents = filename === "-"
        ? parseYaml(await new Response(Deno.stdin.readable).text(), filename)
        : await readYamlFile(filename);
      const pods = podTemplates(documents, filename);
      const provider = await chosenProvider(flags, context);
      const { text, accepted } = explainPods(pods, {
        providers: provider === undefined ? names : [provider],
        ...(output === undefined ? {} : { format: output }),
      });
      print(text);
      context.exitWith(accepted ? 0 : 1);
    });
}

/** The provider of the node that is meant; undefined when none is. */
async function chosenProvider(
  { node, config, provider, ...flags }: Omit<ExplainFlags, "filename">,
  context: CliContext,
): Promise<ProviderName | undefined> {
  if (node === undefined) {
    if (config === undefined) return provider;
    throw new ConfigError("Cannot use --config without --node");
  }
  if (config !== undefined) return await configured(node, config, context);
  using api = await agentOf(node, flags, context);
  const { items = [] } = await api.get<{ readonly items?: readonly Node[] }>(
    "/nodes",
    context,
  );
  const found = items.find(({ metadata }) => metadata?.name === node);
  if (found === undefined) {
    const others = items.map(({ metadata }) => metadata?.name).join(", ");
    throw new ConfigError(
      `Cannot explain for node "${node}": the agent has ${others || "none"}`,
    );
  }
  return providerOf(found, node);
}

/** Without an agent nothing is refused: an exit code of 1 would say so. */
async function agentOf(
  node: string,
  flags: Pick<ExplainFlags, "socket" | "stateDir">,
  context: CliContext,
) {
  try {
    return await findLocalApi(flags, context);
  } catch (cause) {
    context.signal.throwIfAborted();
    throw new ConfigError(
      `Cannot explain for node "${node}": ${
        messageOf(cause)
      }; without an agent name the configuration that has the node with --config, or the kind of node with --provider`,
      { cause },
    );
  }
}

async function configured(
  node: string,
  file: string,
  { env }: CliContext,
): Promise<ProviderName> {
  const { loadConfig } = await import("../config.ts");
  const { nodes } = await loadConfig({ file, flags: new Map(), env });
  const found = nodes.find(({ name }) => name === node);
  if (found !== undefined) return found.provider;
  throw new ConfigError(
    `Cannot explain for node "${node}": "${file}" has ${
      nodes.map(({ name }) => name).join(", ")
    }`,
  );
}

/** What a node says of its runtime tells what it is made of. */
function providerOf({ status }: Node, name: string): ProviderName {
  const version = status?.nodeInfo?.containerRuntimeVersion ?? "";
  const [kind = ""] = version.split("://");
  switch (kind) {
    case "docker":
    case "podman":
      return "ssh";
    case "farlet-wasm":
      return "wasm";
    case "memory":
      return "memory";
    default:
      throw new ConfigError(
        `Cannot explain for node "${name}": its runtime "${version}" is none of farlet's; name the kind with --provider`,
      );
  }
}
