import { Command } from "commander";
import type { AbortOptions } from "../async/abort.ts";
import { delay } from "../async/delay.ts";
import { bytes, cpuMillis } from "../k8s/quantity.ts";
import type { Node } from "../k8s/types.ts";
import type { Summary } from "../kubelet/stats/summary_types.ts";
import type { CliContext } from "./context.ts";
import type { LocalApi } from "./local_api.ts";
import { findLocalApi, type PodFlags, withPodFlags } from "./local_command.ts";
import { print, printError } from "./output.ts";
import { nodeResource, podResource, resourceArguments } from "./resource.ts";
import { notFound } from "./server_error.ts";
import { Table } from "./table.ts";
import { containerRows, nodeRow, podRows } from "./top_table.ts";

const examples = `
Examples:
  farlet top pods
  farlet top pod web --containers
  farlet top nodes`;

/** Usage of CPU is known from two looks: this long after the first one, in milliseconds. */
const secondLook = 1_000;

interface TopFlags extends PodFlags {
  readonly allNamespaces?: boolean;
  readonly containers?: boolean;
  readonly headers: boolean;
}

/** `farlet top`: what pods or nodes use now. */
export function topCommand(context: CliContext): Command {
  const command = new Command("top")
    .description("Show what pods or nodes use")
    .argument("<type...>", "pods or nodes, then NAME…")
    .option("-A, --all-namespaces", "pods of every namespace")
    .option("--containers", "each container of the pods")
    .option("--no-headers", "without the line of column names");
  return withPodFlags(command)
    .addHelpText("after", examples)
    .action(async (args: readonly string[], flags: TopFlags) => {
      const { resource, names } = resourceArguments<
        typeof podResource | typeof nodeResource
      >(args, [podResource, nodeResource]);
      using api = await findLocalApi(flags, context);
      const list = await api.get<{ readonly items?: readonly Node[] }>(
        "/nodes",
        context,
      );
      const looks = await Promise.all(
        (list.items ?? []).map(async (node) => ({
          node,
          summary: await usage(api, node.metadata?.name ?? "", context),
        })),
      );
      if (resource.kind === "Pod") topPods(looks, names, flags, context);
      else topNodes(looks, names, flags, context);
    });
}

interface Look {
  readonly node: Node;
  readonly summary: Summary;
}

/** Rates need a second look when nobody has looked before. */
async function usage(
  api: LocalApi,
  node: string,
  { signal }: AbortOptions,
): Promise<Summary> {
  const path = `/nodes/${encodeURIComponent(node)}/proxy/stats/summary`;
  const first = await api.get<Summary>(path, { signal });
  const known = [first.node, ...first.pods].every(({ cpu }) =>
    cpu === undefined || cpu.usageNanoCores !== undefined
  );
  if (known) return first;
  await delay(secondLook, { signal });
  return await api.get<Summary>(path, { signal });
}

function topPods(
  looks: readonly Look[],
  names: readonly string[],
  { namespace, allNamespaces = false, containers, headers }: TopFlags,
  { exitWith }: CliContext,
): void {
  const pods = looks.flatMap(({ summary }) => summary.pods).filter((
    { podRef },
  ) =>
    (allNamespaces || podRef.namespace === namespace) &&
    (names.length === 0 || names.includes(podRef.name))
  );
  for (const name of names) {
    if (pods.some(({ podRef }) => podRef.name === name)) continue;
    printError(`${notFound("pods", name).message}\n`);
    exitWith(1);
  }
  if (pods.length === 0) {
    if (names.length > 0) return;
    const where = allNamespaces ? "" : ` in ${namespace} namespace.`;
    return printError(`No resources found${where}\n`);
  }
  const heads = [
    ...(allNamespaces ? ["NAMESPACE"] : []),
    ...(containers ? ["POD", "NAME"] : ["NAME"]),
    "CPU(cores)",
    "MEMORY(bytes)",
  ];
  const rows = containers
    ? containerRows(pods, { allNamespaces })
    : podRows(pods, { allNamespaces });
  show(heads, rows, headers);
}

function topNodes(
  looks: readonly Look[],
  names: readonly string[],
  { headers }: TopFlags,
  { exitWith }: CliContext,
): void {
  const wanted = looks.filter(({ summary }) =>
    names.length === 0 || names.includes(summary.node.nodeName)
  );
  for (const name of names) {
    if (wanted.some(({ summary }) => summary.node.nodeName === name)) continue;
    printError(`${notFound("nodes", name).message}\n`);
    exitWith(1);
  }
  if (wanted.length === 0) return;
  const rows = wanted.map(({ node, summary }) => {
    const { cpu = "0", memory = "0" } = node.status?.allocatable ?? {};
    return nodeRow(summary, {
      cpuMillis: cpuMillis(cpu),
      bytes: bytes(memory),
    });
  });
  const heads = ["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)"];
  show(heads, rows, headers);
}

/** `kubectl top` pads the last column as well. */
function show(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  headers: boolean,
): void {
  const padded = (headers ? [heads, ...rows] : rows).map((row) => [...row, ""]);
  print(new Table().format(padded));
}
