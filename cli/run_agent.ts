import type { AbortOptions } from "../async/abort.ts";
import { ConfigError } from "../async/config_error.ts";
import { messageOf } from "../async/message_of.ts";
import type { AgentConfig } from "../config_schema.ts";
import type { Environment } from "../config_settings.ts";
import type { NodeConfig } from "../config_node.ts";
import type { ProviderContext } from "../create_provider.ts";
import type { Provider } from "../providers/provider.ts";

/** What {@linkcode runAgent} is told besides the configuration. */
export interface RunAgentOptions extends AbortOptions {
  readonly env: Environment;
  /** Whether pods get a way to the API server; true unless given. */
  readonly tunnels?: boolean;
  /** Asked for the passphrases of keys that are not known otherwise; nobody unless given. */
  readonly askPassphrase?: ProviderContext["askPassphrase"];
  /**
   * Looks at the providers before the agent starts and says which of the nodes it starts with; all
   * unless given. None means that the agent is not started.
   */
  readonly choose?: (
    nodes: readonly (NodeConfig & { readonly runner: Provider })[],
  ) => Promise<readonly string[]>;
}

/** Puts the agent together from what the configuration says, and runs it until aborted. */
export async function runAgent(
  { kubeconfig, stateDir, kubelet, nodes }: AgentConfig,
  { env, askPassphrase, choose, tunnels = true, signal }: RunAgentOptions,
): Promise<void> {
  const { loadCredentials } = await import("../k8s/kubeconfig.ts");
  const { createProviders } = await import("../create_provider.ts");
  const { startAgent } = await import("../agent.ts");
  const credentials = await loadCredentials({
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    env,
  });
  await makeStateDir(stateDir);
  const { hostname, port, protocol } = new URL(credentials.server);
  const apiServer = {
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(port || (protocol === "https:" ? 443 : 80)),
  };
  const context = {
    ...{ stateDir, env },
    ...(tunnels && { apiServer }),
    ...(askPassphrase === undefined ? {} : { askPassphrase }),
  };
  await using made = await createProviders(nodes, context);
  const runners = made.providers.flatMap((runner, index) => {
    const node = nodes[index];
    return node === undefined ? [] : [{ ...node, runner }];
  });
  const chosen = await choose?.(runners);
  const [first, ...others] = runners.filter(({ name }) =>
    chosen?.includes(name) ?? true
  ).map(agentNode);
  if (first === undefined) return;
  await startAgent({
    credentials,
    nodes: [first, ...others],
    kubelet,
    stateDir,
  }, { signal });
}

function agentNode(
  { name, provider, runner, ip, kubeletPort, labels, taints, ...node }:
    & NodeConfig
    & { readonly runner: Provider },
) {
  const { systemReserved, eviction, shutdown, allowedUnsafeSysctls } = node;
  return {
    name,
    provider: runner,
    ...(ip === undefined ? {} : { ip }),
    ...(kubeletPort === undefined ? {} : { kubeletPort }),
    labels,
    taints,
    systemReserved,
    eviction,
    shutdown,
    allowedUnsafeSysctls,
    ...(provider === "ssh" && {
      clusterDns: { servers: node.clusterDNS, domain: node.clusterDomain },
    }),
  };
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
