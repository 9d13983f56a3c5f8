import { Command, InvalidArgumentError } from "commander";
import { ConfigError } from "../async/config_error.ts";
import type { Pod } from "../k8s/types.ts";
import type { CliContext } from "./context.ts";
import type { LocalApi } from "./local_api.ts";
import { findLocalApi, type PodFlags, withPodFlags } from "./local_command.ts";
import { watchObjects } from "./local_watch.ts";
import { print, printError } from "./output.ts";
import { podResource, resourceArguments } from "./resource.ts";
import { ServerError } from "./server_error.ts";

const examples = `
The API server is asked; when it cannot be reached, the agent ends the pod itself
and removes the object later. Without a cluster, "farlet run" ends with its last
pod.

Examples:
  farlet delete pod web
  farlet delete pod/web pod/db --wait=false
  farlet delete pod web --now`;

interface DeleteFlags extends PodFlags {
  readonly gracePeriod: number;
  readonly now?: boolean;
  readonly force?: boolean;
  readonly wait: boolean;
  readonly ignoreNotFound?: boolean;
  readonly output?: "name";
}

/** `farlet delete`: ends pods, as `kubectl delete` does. */
export function deleteCommand(context: CliContext): Command {
  const command = new Command("delete")
    .description("Delete pods")
    .argument("<type...>", "pod NAME… or pod/NAME…")
    .option(
      "--grace-period <seconds>",
      "time for a graceful end; the pod's own if negative",
      wholeNumber,
      -1,
    )
    .option("--now", "as --grace-period=1")
    .option("--force", "at once and without grace")
    .option("--wait [bool]", "wait until the pods are gone", boolean, true)
    .option("--ignore-not-found", "no error for a pod that is not there");
  return withPodFlags(command)
    .addHelpText("after", examples)
    .action(async (args: readonly string[], flags: DeleteFlags) => {
      const { names } = resourceArguments(args, [podResource]);
      if (names.length === 0) {
        throw new Error(
          "resource(s) were provided, but no name was specified",
        );
      }
      const graceSeconds = graceOf(flags);
      if (flags.force) {
        printError(
          "Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely.\n",
        );
      }
      using api = await findLocalApi(flags, context);
      await deletePods(api, names, { ...flags, ...context, graceSeconds });
    });
}

async function deletePods(
  api: LocalApi,
  names: readonly string[],
  { namespace, graceSeconds, wait, force, ignoreNotFound, signal, exitWith }:
    & DeleteFlags
    & CliContext
    & { readonly graceSeconds: number | undefined },
): Promise<void> {
  const deleted: Pod[] = [];
  for (const name of names) {
    try {
      const path = ["pods", namespace, name].map(encodeURIComponent).join("/");
      const response = await api.fetch(`/${path}`, {
        method: "DELETE",
        query: { gracePeriodSeconds: graceSeconds },
        signal,
      });
      deleted.push(await response.json() as Pod);
      const how = force ? "force deleted" : "deleted";
      print(`pod ${JSON.stringify(name)} ${how} from ${namespace} namespace\n`);
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      if (error.code === 404 && ignoreNotFound) continue;
      printError(`${error.message}\n`);
      exitWith(1);
    }
  }
  if (!wait || force || deleted.length === 0) return;
  await untilGone(api, deleted, { signal });
}

/** Resolves when none of the pods is there any more; an agent that ends has none. */
async function untilGone(
  api: LocalApi,
  pods: readonly Pod[],
  { signal }: Pick<CliContext, "signal">,
): Promise<void> {
  const waiting = new Set(pods.map(({ metadata }) => metadata?.uid));
  const here = new Set<string | undefined>();
  try {
    const watch = watchObjects<Pod>(api, { path: "/pods", signal });
    for await (const { type, object: { metadata } } of watch) {
      if (type === "ADDED") here.add(metadata?.uid);
      if (type === "DELETED") waiting.delete(metadata?.uid);
      if (type === "BOOKMARK") {
        for (const uid of waiting) if (!here.has(uid)) waiting.delete(uid);
      }
      if (waiting.size === 0) return;
    }
  } catch (error) {
    signal.throwIfAborted();
    // The agent has ended, as `farlet run` does with its last pod.
    if (error instanceof ServerError) throw error;
  }
}

/** Undefined for the pod's own. */
function graceOf(
  { gracePeriod, now, force }: DeleteFlags,
): number | undefined {
  if (now && gracePeriod >= 0) {
    throw new ConfigError(
      "--now and --grace-period cannot be specified together",
    );
  }
  if (now) return 1;
  if (force && gracePeriod < 0) return 0;
  if (force && gracePeriod > 0) {
    throw new ConfigError(
      "--force and --grace-period greater than 0 cannot be specified together",
    );
  }
  // Only --force leaves a pod behind that may run still.
  if (gracePeriod === 0) return force ? 0 : 1;
  return gracePeriod < 0 ? undefined : gracePeriod;
}

function wholeNumber(text: string): number {
  if (/^-?\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a whole number.");
}

function boolean(text: string): boolean {
  if (/^(true|1|t)$/i.test(text)) return true;
  if (/^(false|0|f)$/i.test(text)) return false;
  throw new InvalidArgumentError("Expected true or false.");
}
