import { messageOf } from "../async/message_of.ts";
import { Command, Option } from "commander";
import { ConfigError } from "../async/config_error.ts";
import type { AgentConfig } from "../config_schema.ts";
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
    .description("Be a node of a Kubernetes cluster")
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
      await serve(config, { env, signal });
    },
  );
}

/** Puts the agent together from what the configuration says. */
async function serve(
  { kubeconfig, stateDir, kubelet, nodes: [node] }: AgentConfig,
  { env, signal }: Pick<CliContext, "env" | "signal">,
): Promise<void> {
  const { loadCredentials } = await import("../k8s/kubeconfig.ts");
  const { createProvider } = await import("../create_provider.ts");
  const { startAgent } = await import("../agent.ts");
  const credentials = await loadCredentials({
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    env,
  });
  await makeStateDir(stateDir);
  const { name: nodeName, ip, labels, taints, wasm, maxPods } = node;
  await using provider = await createProvider(node.provider, {
    stateDir,
    allowLocalModules: wasm.allowLocalModules,
    maxPods,
  });
  await startAgent({
    credentials,
    provider,
    nodeName,
    ...(ip === undefined ? {} : { ip }),
    labels,
    taints,
    kubelet,
    stateDir,
  }, { signal });
}

async function makeStateDir(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const why = messageOf(cause);
    throw new ConfigError(
      `Cannot make state directory "${path}": ${why}; name another one with --state-dir`,
      { cause },
    );
  }
}

/** The settings that the command line names, by their flags. */
function givenFlags(
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
