import { abortable, type AbortOptions } from "../async/abort.ts";
import { messageOf } from "../async/message_of.ts";
import { TaskGroup } from "../async/task_group.ts";
import type { Pod } from "../k8s/types.ts";
import { allContainers, chooseLoggedContainer } from "./container_choice.ts";
import type { LocalApi, LocalQuery } from "./local_api.ts";
import { prefixed, wholeLines } from "./log_lines.ts";
import { printError } from "./output.ts";
import { OutputStream } from "./output_stream.ts";
import { readBody } from "./read_body.ts";

/** Which logs to print, and how. */
export interface PrintLogsOptions extends AbortOptions {
  readonly namespace: string;
  /** The pod's name. */
  readonly name: string;
  /** Its default container unless given. */
  readonly container: string | undefined;
  /** Instead of one. */
  readonly allContainers?: boolean;
  /** Several logs at once, which mix by whole lines; else one after the other. */
  readonly follow?: boolean;
  /** Starts every line with `[pod/web/app] `. */
  readonly prefix?: boolean;
  /** Tells of a log that cannot be read, and goes on with the others. */
  readonly ignoreErrors?: boolean;
  /** The parameters of `/containerLogs`. */
  readonly query: LocalQuery;
}

/** Prints logs of a pod to standard output until they end. */
export async function printLogs(
  api: Pick<LocalApi, "pod" | "fetch">,
  { signal, ...options }: PrintLogsOptions,
): Promise<void> {
  const pod = await api.pod(options, { signal });
  const containers = chosenContainers(pod, options);
  const output = new OutputStream(Deno.stdout);
  const several = containers.length > 1;
  const stop = AbortSignal.any([signal, output.signal]);
  await using group = new TaskGroup(stop);
  try {
    for (const container of containers) {
      group.spawn((signal) =>
        copyLog(api, container, { ...options, several, output, signal })
      );
      if (!options.follow) await group.join();
    }
    await group.join();
  } finally {
    await abortable(output.flush(), { signal: stop });
  }
}

function chosenContainers(
  pod: Pod,
  options: Pick<PrintLogsOptions, "container" | "allContainers">,
): readonly string[] {
  if (options.allContainers) return allContainers(pod);
  const { container, hint } = chooseLoggedContainer(pod, options.container);
  if (hint !== undefined) printError(`${hint}\n`);
  return [container.name];
}

interface CopyOptions extends Omit<PrintLogsOptions, "container"> {
  readonly several: boolean;
  readonly output: OutputStream;
}

async function copyLog(
  api: Pick<LocalApi, "fetch">,
  container: string,
  { namespace, name, query, output, signal, ...options }: CopyOptions,
): Promise<void> {
  const parts = [namespace, name, container].map(encodeURIComponent);
  try {
    const { body } = await api.fetch(`/containerLogs/${parts.join("/")}`, {
      query,
      signal,
    });
    if (body === null) return;
    const chunks = readBody(body, { signal });
    const prefix = options.prefix ? `[pod/${name}/${container}] ` : "";
    if (prefix === "" && !options.several) {
      for await (const chunk of chunks) await output.write(chunk);
      return;
    }
    const bytes = new TextEncoder().encode(prefix);
    for await (const lines of wholeLines(chunks)) {
      await output.write(prefixed(lines, bytes));
    }
  } catch (error) {
    signal.throwIfAborted();
    if (!options.ignoreErrors) throw error;
    printError(`error: ${messageOf(error)}\n`);
  }
}
