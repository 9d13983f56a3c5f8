import { Command, Option } from "commander";
import { isDeepStrictEqual } from "node:util";
import type { AbortOptions } from "../async/abort.ts";
import { ConfigError } from "../async/config_error.ts";
import type { KubernetesObject } from "../k8s/types.ts";
import type { CliContext } from "./context.ts";
import { type LabelSelector, parseLabelSelector } from "./label_selector.ts";
import type { LocalApi } from "./local_api.ts";
import { findLocalApi, type PodFlags, withPodFlags } from "./local_command.ts";
import { watchObjects } from "./local_watch.ts";
import { formatObjects } from "./object_output.ts";
import { print, printError } from "./output.ts";
import { type Resource, resourceArguments, resources } from "./resource.ts";
import { notFound } from "./server_error.ts";
import { Table } from "./table.ts";

const examples = `
Types: pods (po), nodes (no), events (ev).

Examples:
  farlet get pods
  farlet get pods -A -o wide
  farlet get pod/web -o yaml
  farlet get pods -l app=web -w
  farlet get events`;

const formats = ["wide", "json", "yaml", "name"] as const;

interface GetFlags extends PodFlags {
  readonly allNamespaces?: boolean;
  readonly output?: (typeof formats)[number];
  readonly selector?: string;
  readonly headers: boolean;
  readonly ignoreNotFound?: boolean;
  readonly watch?: boolean;
}

type AnyResource = Resource<KubernetesObject>;

/** `farlet get`: what this machine's agent knows, as `kubectl get` shows it. */
export function getCommand(context: CliContext): Command {
  const command = new Command("get")
    .description("List pods, nodes or events of the agent")
    .argument("<type...>", "TYPE, TYPE NAME… or TYPE/NAME…")
    .option("-A, --all-namespaces", "of every namespace")
    .addOption(
      new Option("-o, --output <format>", "how to print").choices(formats),
    )
    .option("-l, --selector <selector>", "only objects with these labels")
    .option("--no-headers", "without the line of column names")
    .option("--ignore-not-found", "no error for a name that is not there")
    .option("-w, --watch", "go on, and print what changes");
  return withPodFlags(command)
    .addHelpText("after", examples)
    .action(async (args: readonly string[], flags: GetFlags) => {
      // A row takes whatever kind its own table has.
      const { resource, names } = resourceArguments(
        args,
        resources as readonly unknown[] as readonly AnyResource[],
      );
      if (names.length > 0 && flags.selector !== undefined) {
        throw new ConfigError(
          "name cannot be provided when a selector is specified",
        );
      }
      using api = await findLocalApi(flags, context);
      await get(api, new Wanted(resource, names, flags), flags, context);
    });
}

async function get(
  api: LocalApi,
  wanted: Wanted,
  flags: GetFlags,
  { signal, exitWith }: CliContext,
): Promise<void> {
  const printer = new Printer(wanted, flags);
  const path = `/${wanted.resource.plural}`;
  const list = await api.get<{ readonly items?: readonly KubernetesObject[] }>(
    path,
    { signal },
  );
  const objects = wanted.inOrder(
    (list.items ?? []).filter((object) => wanted.has(object)),
  );
  const missing = wanted.missing(objects);
  if (flags.watch && missing.length === 0) {
    if (objects.length > 0) printer.more(objects);
    return await follow(api, printer, { wanted, printed: objects, signal });
  }
  printer.all(objects);
  for (const name of missing) {
    if (flags.ignoreNotFound) continue;
    printError(`${notFound(wanted.resource.plural, name).message}\n`);
    exitWith(1);
  }
}

/** Prints what changes from what was printed, until the agent ends. */
async function follow(
  api: LocalApi,
  printer: Printer,
  { wanted, printed, signal }: AbortOptions & {
    readonly wanted: Wanted;
    readonly printed: readonly KubernetesObject[];
  },
): Promise<void> {
  const old = new Map(printed.map((object) => [object.metadata?.uid, object]));
  const options = { path: `/${wanted.resource.plural}`, signal };
  for await (const { type, object } of watchObjects(api, options)) {
    if (type === "BOOKMARK") continue;
    const uid = object.metadata?.uid;
    const isOld = isDeepStrictEqual(old.get(uid), object);
    old.delete(uid);
    if (!isOld && wanted.has(object)) printer.more([object]);
  }
}

/** Which objects the command line means. */
class Wanted {
  readonly resource: AnyResource;
  readonly names: readonly string[];
  /** Undefined for all of them. */
  readonly namespace: string | undefined;
  readonly #selector: LabelSelector;

  constructor(
    resource: AnyResource,
    names: readonly string[],
    { namespace, allNamespaces, selector }: GetFlags,
  ) {
    if (allNamespaces && names.length > 0) {
      throw new ConfigError(
        "a resource cannot be retrieved by name across all namespaces",
      );
    }
    this.resource = resource;
    this.names = names;
    this.namespace = allNamespaces || !resource.namespaced
      ? undefined
      : namespace;
    this.#selector = parseLabelSelector(selector ?? "");
  }

  has({ metadata }: KubernetesObject): boolean {
    const { namespace, name = "", labels = {} } = metadata ?? {};
    return (this.namespace === undefined || namespace === this.namespace) &&
      (this.names.length === 0 || this.names.includes(name)) &&
      this.#selector(labels);
  }

  /** As named, else by namespace and name; Events as they came. */
  inOrder(objects: readonly KubernetesObject[]): readonly KubernetesObject[] {
    if (this.names.length > 0) {
      return this.names.flatMap((name) =>
        objects.filter(({ metadata }) => metadata?.name === name)
      );
    }
    if (this.resource.kind === "Event") return objects;
    const key = ({ metadata }: KubernetesObject) =>
      `${metadata?.namespace ?? ""}/${metadata?.name}`;
    return objects.toSorted((a, b) => key(a) < key(b) ? -1 : 1);
  }

  missing(found: readonly KubernetesObject[]): readonly string[] {
    const names = new Set(found.map(({ metadata }) => metadata?.name));
    return this.names.filter((name) => !names.has(name));
  }
}

/** Prints objects in the form that was asked for. */
class Printer {
  readonly #wanted: Wanted;
  readonly #flags: GetFlags;
  readonly #table = new Table();
  #headed = false;

  constructor(wanted: Wanted, flags: GetFlags) {
    this.#wanted = wanted;
    this.#flags = flags;
  }

  /** Everything there is. */
  all(objects: readonly KubernetesObject[]): void {
    const { output: format, ignoreNotFound } = this.#flags;
    const { names, namespace } = this.#wanted;
    if (format === "json" || format === "yaml") {
      const single = names.length === 1;
      if (single && objects.length === 0) return;
      const typed = objects.map((object) => this.#typed(object));
      return print(formatObjects(typed, { format, single }));
    }
    if (objects.length > 0) return this.more(objects);
    if (names.length > 0 || format === "name" || ignoreNotFound) return;
    printError(
      namespace === undefined
        ? "No resources found\n"
        : `No resources found in ${namespace} namespace.\n`,
    );
  }

  /** More objects, or new versions of some. */
  more(objects: readonly KubernetesObject[]): void {
    const { output: format } = this.#flags;
    switch (format) {
      case "json":
      case "yaml":
        for (const object of objects) {
          const one = [this.#typed(object)];
          if (format === "yaml" && this.#headed) print("---\n");
          this.#headed = true;
          print(formatObjects(one, { format, single: true }));
        }
        return;
      case "name": {
        const { singular } = this.#wanted.resource;
        const lines = objects.map(({ metadata }) =>
          `${singular}/${metadata?.name}\n`
        );
        return print(lines.join(""));
      }
      case "wide":
      case undefined:
        return this.#rows(objects);
    }
  }

  #rows(objects: readonly KubernetesObject[]): void {
    const { output, allNamespaces, headers } = this.#flags;
    const { resource } = this.#wanted;
    const kind = output === "wide" ? resource.wideTable : resource.table;
    const spaced = allNamespaces && resource.namespaced;
    const now = new Date();
    const rows = objects.map((object) => {
      const row = kind.row(object, now);
      return spaced ? [object.metadata?.namespace ?? "", ...row] : row;
    });
    const head = spaced ? ["NAMESPACE", ...kind.headers] : kind.headers;
    const isFirst = headers && !this.#headed;
    this.#headed = true;
    print(this.#table.format(isFirst ? [head, ...rows] : rows));
  }

  /** With the kind that objects of a list do not carry. */
  #typed(object: KubernetesObject): KubernetesObject {
    const { kind } = this.#wanted.resource;
    return { ...object, apiVersion: object.apiVersion ?? "v1", kind };
  }
}
