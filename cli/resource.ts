import { ConfigError } from "../async/config_error.ts";
import type { Event, KubernetesObject, Node, Pod } from "../k8s/types.ts";
import { eventTable, wideEventTable } from "./event_table.ts";
import { nodeTable, wideNodeTable } from "./node_table.ts";
import { podTable, widePodTable } from "./pod_table.ts";
import type { TableKind } from "./table.ts";

/** A kind of object that an agent knows. */
export interface Resource<T extends KubernetesObject = KubernetesObject> {
  readonly kind: "Pod" | "Node" | "Event";
  readonly singular: string;
  /** As in errors, and the path of the local API. */
  readonly plural: string;
  readonly aliases: readonly string[];
  readonly namespaced: boolean;
  readonly table: TableKind<T>;
  readonly wideTable: TableKind<T>;
}

/** Pods, as the command line names them. */
export const podResource: Resource<Pod> = {
  kind: "Pod",
  singular: "pod",
  plural: "pods",
  aliases: ["po", "pod", "pods"],
  namespaced: true,
  table: podTable,
  wideTable: widePodTable,
};

/** Nodes, as the command line names them. */
export const nodeResource: Resource<Node> = {
  kind: "Node",
  singular: "node",
  plural: "nodes",
  aliases: ["no", "node", "nodes"],
  namespaced: false,
  table: nodeTable,
  wideTable: wideNodeTable,
};

const eventResource: Resource<Event> = {
  kind: "Event",
  singular: "event",
  plural: "events",
  aliases: ["ev", "event", "events"],
  namespaced: true,
  table: eventTable,
  wideTable: wideEventTable,
};

/** What arguments such as `pods`, `pod web db` or `pod/web node/edge-1` mean. */
export interface ResourceArguments<R> {
  readonly resource: R;
  /** All of them, if empty. */
  readonly names: readonly string[];
}

/**
 * Reads `TYPE`, `TYPE NAME…` or `TYPE/NAME…`, of one type.
 *
 * @throws {ConfigError} For a type that is not in `resources`, or more than one.
 */
export function resourceArguments<R extends Resource<never>>(
  args: readonly string[],
  resources: readonly R[],
): ResourceArguments<R> {
  const [first = "", ...rest] = args;
  if (!first.includes("/")) {
    const mixed = rest.find((name) => name.includes("/"));
    if (mixed === undefined) {
      return { resource: find(first, resources), names: rest };
    }
    throw new ConfigError(
      `Cannot use "${mixed}" after "${first}": the type stands in front already`,
    );
  }
  const pairs = args.map((arg) => {
    const [type = "", name = "", ...more] = arg.split("/");
    if (name === "" || more.length > 0) {
      throw new ConfigError(`Cannot use "${arg}": expected TYPE/NAME`);
    }
    return { resource: find(type, resources), name };
  });
  const kinds = [...new Set(pairs.map(({ resource }) => resource))];
  const [resource, other] = kinds;
  if (resource === undefined || other !== undefined) {
    throw new ConfigError("Cannot use several types at once: ask one by one");
  }
  return { resource, names: pairs.map(({ name }) => name) };
}

/** Every kind that `farlet get` knows. */
export const resources = [podResource, nodeResource, eventResource] as const;

function find<R extends Resource<never>>(
  type: string,
  resources: readonly R[],
): R {
  const found = resources.find(({ aliases }) =>
    aliases.includes(type.toLowerCase())
  );
  if (found !== undefined) return found;
  const known = resources.map(({ plural }) => plural).join(", ");
  throw new ConfigError(
    `the server doesn't have a resource type "${type}"; an agent knows ${known}`,
  );
}
