import { Command } from "commander";
import { ConfigError } from "../async/config_error.ts";
import { parseDuration } from "../k8s/duration.ts";
import type { CliContext } from "./context.ts";
import type { LocalQuery } from "./local_api.ts";
import { findLocalApi, type PodFlags, withPodFlags } from "./local_command.ts";
import { podArgument } from "./pod_argument.ts";

const examples = `
Examples:
  farlet logs web
  farlet logs -f --tail=20 web
  farlet logs pod/web -c app --since=1h --timestamps
  farlet logs web --all-containers --prefix -f
  farlet logs -p web`;

interface LogsFlags extends PodFlags {
  readonly container?: string;
  readonly allContainers?: boolean;
  readonly prefix?: boolean;
  readonly follow?: boolean;
  readonly previous?: boolean;
  readonly timestamps?: boolean;
  readonly ignoreErrors?: boolean;
  readonly tail?: string;
  readonly since?: string;
  readonly sinceTime?: string;
  readonly limitBytes?: string;
}

/** `farlet logs`: what the containers of a pod have written, from the agent of this machine. */
export function logsCommand({ env, signal }: CliContext): Command {
  const command = new Command("logs")
    .description("Print the logs of a container in a pod")
    .argument("<pod>", "POD or pod/NAME")
    .argument("[container]", "as --container")
    .option("-c, --container <name>", "the container; the pod's default one")
    .option("--all-containers", "the logs of all containers of the pod")
    .option("-f, --follow", "go on until the container ends")
    .option("-p, --previous", "the run before the newest one")
    .option("--tail <lines>", "only the last so many lines; -1 for all")
    .option("--since <duration>", "only what is newer, such as 5s, 2m or 3h")
    .option("--since-time <time>", "only what was written since, in RFC 3339")
    .option("--timestamps", "start every line with its time")
    .option("--limit-bytes <bytes>", "end after so many bytes")
    .option("--prefix", "start every line with its pod and container")
    .option(
      "--ignore-errors",
      "go on with the other containers after an error",
    );
  return withPodFlags(command)
    .addHelpText("after", examples)
    .action(
      async (pod: string, inline: string | undefined, flags: LogsFlags) => {
        const name = podArgument(pod);
        const query = logQuery(flags);
        const container = containerName(inline, flags);
        const { printLogs } = await import("./print_logs.ts");
        using api = await findLocalApi(flags, { env, signal });
        await printLogs(api, {
          ...flags,
          name,
          container,
          query,
          signal,
        });
      },
    );
}

/** The container that the user named; undefined for the default one, or all. */
function containerName(
  inline: string | undefined,
  { container, allContainers }: LogsFlags,
): string | undefined {
  if (container !== undefined && inline !== undefined) {
    throw new ConfigError("Only one of -c or [container] may be used");
  }
  const name = container ?? inline;
  if (allContainers && name !== undefined) {
    throw new ConfigError(
      `Cannot use --all-containers together with the container name "${name}"`,
    );
  }
  return name;
}

/**
 * The parameters of `/containerLogs` that the flags mean.
 *
 * @throws {ConfigError} When a flag has a wrong value.
 */
export function logQuery(
  flags: Pick<
    LogsFlags,
    | "follow"
    | "previous"
    | "timestamps"
    | "tail"
    | "since"
    | "sinceTime"
    | "limitBytes"
  >,
): LocalQuery {
  if (flags.since !== undefined && flags.sinceTime !== undefined) {
    throw new ConfigError("Only one of --since and --since-time may be used");
  }
  const tail = wholeNumber("--tail", flags.tail, { least: -1 });
  const limitBytes = wholeNumber("--limit-bytes", flags.limitBytes, {
    least: 0,
  });
  return {
    follow: flags.follow || undefined,
    previous: flags.previous || undefined,
    timestamps: flags.timestamps || undefined,
    tailLines: tail === -1 ? undefined : tail,
    limitBytes: limitBytes || undefined,
    sinceSeconds: sinceSeconds(flags.since) || undefined,
    sinceTime: sinceTime(flags.sinceTime),
  };
}

function wholeNumber(
  flag: string,
  text: string | undefined,
  { least }: { readonly least: number },
): number | undefined {
  if (text === undefined) return undefined;
  const number = /^[+-]?\d+$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(number) && number >= least) return number;
  throw new ConfigError(
    `Cannot use ${flag}: expected a whole number from ${least}, not "${text}"`,
  );
}

/** Rounded up: the kubelet counts whole seconds, and 0 would be none. */
function sinceSeconds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms !== undefined) return Math.ceil(ms / 1000);
  throw new ConfigError(
    `Cannot use --since: expected a duration such as 5s, 2m or 3h, not "${text}"`,
  );
}

function sinceTime(text: string | undefined): string | undefined {
  const pattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
  if (text === undefined) return undefined;
  if (pattern.test(text) && !Number.isNaN(Date.parse(text))) return text;
  throw new ConfigError(
    `Cannot use --since-time: expected a time such as 2026-01-31T12:00:00Z, not "${text}"`,
  );
}
