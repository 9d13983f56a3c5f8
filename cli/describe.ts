import { Command } from "commander";
import type { AbortOptions } from "../async/abort.ts";
import type { Event, Node, ObjectMeta, Pod } from "../k8s/types.ts";
import type { CliContext } from "./context.ts";
import type { LocalApi, LocalQuery } from "./local_api.ts";
import { findLocalApi, type PodFlags, withPodFlags } from "./local_command.ts";
import { print, printError } from "./output.ts";
import { nodeResource, podResource, resourceArguments } from "./resource.ts";
import { notFound } from "./server_error.ts";

const examples = `
Examples:
  farlet describe pod web
  farlet describe pod/web pod/db
  farlet describe node`;

interface Described {
  readonly metadata?: ObjectMeta;
}

/** `farlet describe`: all about pods or nodes, with their Events. */
export function describeCommand(context: CliContext): Command {
  const command = new Command("describe")
    .description("Show all about a pod or a node")
    .argument("<type...>", "TYPE, TYPE NAME… or TYPE/NAME…");
  return withPodFlags(command)
    .addHelpText("after", examples)
    .action(async (args: readonly string[], flags: PodFlags) => {
      const { resource, names } = resourceArguments<
        typeof podResource | typeof nodeResource
      >(args, [podResource, nodeResource]);
      const { signal } = context;
      using api = await findLocalApi(flags, context);
      const texts = resource.kind === "Pod"
        ? await describePods(api, names, { ...context, ...flags })
        : await describeNodes(api, names, context);
      if (texts.length === 0 && names.length === 0) {
        printError(
          resource.namespaced
            ? `No resources found in ${flags.namespace} namespace.\n`
            : "No resources found\n",
        );
      }
      signal.throwIfAborted();
      print(texts.join("\n\n"));
    });
}

async function describePods(
  api: LocalApi,
  names: readonly string[],
  { namespace, signal, exitWith }: CliContext & PodFlags,
): Promise<readonly string[]> {
  const { describePod } = await import("./describe_pod.ts");
  const here = (await api.pods({ signal })).filter(({ metadata }) =>
    metadata?.namespace === namespace
  );
  const pods = chosen(here, names, { plural: "pods", exitWith });
  return await Promise.all(pods.map(async (pod) => {
    const uid = pod.metadata?.uid;
    const events = await eventsOf(api, { uid }, { signal });
    return describePod(pod, events, new Date());
  }));
}

async function describeNodes(
  api: LocalApi,
  names: readonly string[],
  { signal, exitWith }: CliContext,
): Promise<readonly string[]> {
  const { describeNode } = await import("./describe_node.ts");
  const list = await api.get<{ readonly items?: readonly Node[] }>("/nodes", {
    signal,
  });
  const nodes = chosen(list.items ?? [], names, { plural: "nodes", exitWith });
  return await Promise.all(nodes.map(async (node) => {
    const name = node.metadata?.name ?? "";
    const path = `/nodes/${encodeURIComponent(name)}/proxy/pods`;
    const { items: pods = [] } = await api.get<
      { readonly items?: readonly Pod[] }
    >(path, { signal });
    const events = await eventsOf(api, { kind: "Node", name }, { signal });
    return describeNode(node, { pods, events, now: new Date() });
  }));
}

async function eventsOf(
  api: LocalApi,
  query: LocalQuery,
  { signal }: AbortOptions,
): Promise<readonly Event[]> {
  const options = { query, signal };
  const list = await api.get<{ readonly items?: readonly Event[] }>(
    "/events",
    options,
  );
  return list.items ?? [];
}

/** The named ones, or all; what is not there is told. */
function chosen<T extends Described>(
  objects: readonly T[],
  names: readonly string[],
  { plural, exitWith }: {
    readonly plural: string;
    readonly exitWith: CliContext["exitWith"];
  },
): readonly T[] {
  const named = (name: string) =>
    objects.filter(({ metadata }) => metadata?.name === name);
  if (names.length === 0) return objects;
  for (const name of names.filter((name) => named(name).length === 0)) {
    printError(`${notFound(plural, name).message}\n`);
    exitWith(1);
  }
  return names.flatMap(named);
}
