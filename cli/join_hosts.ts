import type { AbortOptions } from "../async/abort.ts";
import { Deadline } from "../async/deadline.ts";
import { delay } from "../async/delay.ts";
import { messageOf } from "../async/message_of.ts";
import type { AgentConfig } from "../config_schema.ts";
import type { NodeConfig } from "../config_node.ts";
import type { Environment } from "../config_settings.ts";
import type { NodeFacts, Provider } from "../providers/provider.ts";
import { print, printable, printError } from "./output.ts";
import type { Prompts } from "./prompts.ts";
import { runAgent } from "./run_agent.ts";
import { Table } from "./table.ts";

/** Options of {@linkcode joinHosts}. */
export interface JoinOptions extends AbortOptions {
  /** Whether the hosts are only looked at. */
  readonly dryRun: boolean;
  /** Whether hosts that cannot be nodes are left out, instead of keeping the others from joining. */
  readonly keepGoing: boolean;
  readonly env: Environment;
  /** The person to ask, where there is one. */
  readonly prompts?: Prompts;
}

/** How long a host may take to be found out about, in milliseconds. */
const patience = 30_000;
const look = 200;

/**
 * Prints what is found on each host, and is the agent of those that can be nodes until aborted.
 * Resolves the exit code: 1 when a host cannot be a node and that stopped it.
 */
export async function joinHosts(
  config: AgentConfig,
  { dryRun, keepGoing, env, prompts, signal }: JoinOptions,
): Promise<number> {
  let exitCode = 0;
  await runAgent(config, {
    env,
    tunnels: !dryRun,
    signal,
    ...(prompts === undefined ? {} : {
      askPassphrase: (source: string) => prompts.askPassphrase(source),
    }),
    async choose(nodes) {
      const findings = await Promise.all(
        nodes.map((node) => survey(node, { prompts, signal })),
      );
      print(printable(new Table().format([headers, ...findings.map(row)])));
      const unusable = findings.filter(({ facts }) => facts === undefined);
      for (const { node, problem } of unusable) {
        printError(printable(`${node.name}: ${problem}\n`));
      }
      const usable = findings.filter(({ facts }) => facts !== undefined);
      if (unusable.length > 0 && !(keepGoing && usable.length > 0)) {
        exitCode = 1;
        if (!dryRun && usable.length > 0) {
          printError("Nothing was started; --keep-going leaves these out\n");
        }
        return [];
      }
      return dryRun ? [] : usable.map(({ node }) => node.name);
    },
  });
  return exitCode;
}

interface Finding {
  readonly node: NodeConfig;
  readonly facts?: NodeFacts;
  readonly problem?: string;
}

/** What a host is, or why it cannot be a node. */
async function survey(
  node: NodeConfig & { readonly runner: Provider },
  { prompts, signal }: AbortOptions & { readonly prompts: Prompts | undefined },
): Promise<Finding> {
  using deadline = new Deadline(patience, { signal });
  let problem = "no answer in time";
  for (;;) {
    try {
      return { node, facts: await node.runner.describeNode(deadline) };
    } catch (error) {
      signal.throwIfAborted();
      if (prompts?.asking) deadline.extend(patience);
      problem = messageOf(error);
      const hopeless = await isHopeless(node.runner, deadline);
      if (deadline.expired || hopeless) return { node, problem };
    }
    await delay(look, deadline).catch(() => undefined);
    signal.throwIfAborted();
    if (deadline.expired) return { node, problem };
  }
}

/** Whether waiting will not help: the host refused, or has no engine. */
async function isHopeless(
  runner: Provider,
  options: AbortOptions,
): Promise<boolean> {
  const waiting = ["Connecting", "Connected"];
  const refused = runner.conditions?.some(({ condition }) =>
    condition.type === "HostReachable" &&
    !waiting.includes(condition.reason ?? "")
  );
  if (refused) return true;
  const health = await runner.checkHealth(options);
  return health.kind === "unhealthy" && health.reason === "EngineNotFound";
}

const headers = [
  "NODE",
  "HOST",
  "OS",
  "ARCH",
  "CPU",
  "MEMORY",
  "DISK",
  "ENGINE",
  "STATUS",
];

function row({ node, facts }: Finding): readonly string[] {
  const { host = "", user, port } = node.ssh ?? {};
  const address = `${user === undefined ? "" : `${user}@`}${host}${
    port === undefined ? "" : `:${port}`
  }`;
  if (facts === undefined) {
    return [node.name, address, "-", "-", "-", "-", "-", "-", "Failed"];
  }
  return [
    node.name,
    address,
    facts.osImage || "Linux",
    facts.arch,
    String(facts.cpuMillis / 1000),
    gib(facts.memoryBytes),
    gib(facts.ephemeralStorageBytes),
    facts.runtimeVersion.replace("://", " "),
    "OK",
  ];
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)}Gi`;
}
