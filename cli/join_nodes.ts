import { ConfigError } from "../async/config_error.ts";
import type { TargetSettings } from "../providers/ssh/transport/resolve_target.ts";
import {
  expandTargets,
  parseTargetAddress,
} from "../providers/ssh/transport/target_address.ts";
import { type SshFlags, sshSettings } from "./ssh_flags.ts";

/** The flags of `farlet join` that say something of its nodes. */
export interface NodeFlags extends SshFlags {
  readonly nodeName?: string;
  readonly taint: boolean;
  readonly label?: readonly string[];
}

/** One node as it stands in a configuration. */
export interface JoinedNode {
  readonly name: string;
  readonly provider: "ssh";
  readonly ssh: TargetSettings;
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: readonly [];
}

/**
 * The nodes that a command line asks for, as `nodes` of a configuration. Paths are absolute.
 *
 * @throws {ConfigError} For a target that is none, and for one that is named twice.
 */
export function joinNodes(
  targets: readonly string[],
  { nodeName, taint, label = [], ...flags }: NodeFlags,
): readonly JoinedNode[] {
  const expanded = targets.flatMap((target) => [...expandTargets(target)]);
  if (nodeName !== undefined && expanded.length !== 1) {
    throw new ConfigError(
      `Cannot use --node-name: it is for one target, and these are ${expanded.length}`,
    );
  }
  const labels = Object.fromEntries(label.map(labelOf));
  const common = sshSettings(flags);
  const nodes = expanded.map((target): JoinedNode => {
    const { host, user, port } = parseTargetAddress(target);
    return {
      name: nodeName ?? nodeNameOf(host),
      provider: "ssh",
      ssh: {
        host,
        ...(port === undefined ? {} : { port }),
        ...(user === undefined ? {} : { user }),
        ...common,
      },
      ...(label.length === 0 ? {} : { labels }),
      ...(taint ? {} : { taints: [] }),
    };
  });
  for (const [index, { name }] of nodes.entries()) {
    if (nodes.findIndex((node) => node.name === name) === index) continue;
    throw new ConfigError(`Cannot join "${name}": it is named twice`);
  }
  return nodes;
}

/** A name of a Node has no colons, and addresses of IPv6 have. */
function nodeNameOf(host: string): string {
  return host.toLowerCase().replaceAll(":", "-").replace(/^-+|-+$/g, "");
}

function labelOf(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new ConfigError(
    `Cannot use --label: expected key=value, not "${text}"`,
  );
}
