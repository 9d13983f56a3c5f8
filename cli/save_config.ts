import { delimiter, resolve } from "node:path";
import { messageOf } from "../async/message_of.ts";
import { ConfigError } from "../async/config_error.ts";
import { writePrivateFile } from "../async/private_file.ts";
import { formatYaml } from "../async/yaml_file.ts";
import { type AgentConfig, configHeader } from "../config_schema.ts";
import type { Environment } from "../config_settings.ts";
import type { JoinedNode } from "./join_nodes.ts";

/**
 * Writes the configuration that `farlet serve --config` reads to be the same agent. It names files
 * with secrets, and has none itself.
 *
 * @throws {ConfigError} When it cannot be written.
 */
export async function saveConfig(
  path: string,
  nodes: readonly JoinedNode[],
  { config, env }: {
    /** What was made of them. */
    readonly config: AgentConfig;
    readonly env: Environment;
  },
): Promise<void> {
  const { stateDir, kubelet: { port } } = config;
  const kubeconfig = config.kubeconfig ?? kubeconfigFrom(env);
  const text = formatYaml({
    ...configHeader,
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    stateDir,
    kubelet: { port },
    nodes: nodes.map((node, index) => {
      const ip = config.nodes[index]?.ip;
      return { ...node, ...(ip === undefined ? {} : { ip }) };
    }),
  });
  try {
    await writePrivateFile(path, text);
  } catch (cause) {
    throw new ConfigError(
      `Cannot write "${path}" (--save): ${messageOf(cause)}`,
      { cause },
    );
  }
}

/** The file that the environment names: who starts `farlet serve` may have another one. */
function kubeconfigFrom(env: Environment): string | undefined {
  const [file, ...more] = (env["KUBECONFIG"] ?? "").split(delimiter);
  return file && more.length === 0 ? resolve(file) : undefined;
}
