import { Command } from "commander";
import { ConfigError } from "../async/config_error.ts";
import { chooseContainer } from "./container_choice.ts";
import type { CliContext } from "./context.ts";
import { findLocalApi, type PodFlags, withPodFlags } from "./local_command.ts";
import { printError } from "./output.ts";
import { podArgument } from "./pod_argument.ts";

const examples = `
The exit code is that of the command.

Examples:
  farlet exec web -- date
  farlet exec -it web -- sh
  farlet exec web -c app -i -- tar xf - < files.tar`;

interface ExecFlags extends PodFlags {
  readonly container?: string;
  readonly stdin?: boolean;
  readonly tty?: boolean;
  readonly quiet?: boolean;
}

/** `farlet exec`: runs a command in a container of this machine's agent. */
export function execCommand({ env, signal, exitWith }: CliContext): Command {
  const command = new Command("exec")
    .description("Execute a command in a container")
    .usage("[options] <pod> -- <command> [args...]")
    .argument("<pod>", "POD or pod/NAME")
    .argument("[command...]", "the command and its arguments")
    .option("-c, --container <name>", "the container; the pod's default one")
    .option("-i, --stdin", "pass standard input to the command")
    .option("-t, --tty", "standard input is a terminal: run in one")
    .option("-q, --quiet", "print only what the command prints");
  return withPodFlags(command)
    .addHelpText("after", examples)
    .action(async (pod: string, argv: readonly string[], flags: ExecFlags) => {
      const name = podArgument(pod);
      if (argv.length === 0) {
        throw new ConfigError(
          "You must specify at least one command for the container",
        );
      }
      const { namespace } = flags;
      using api = await findLocalApi(flags, { env, signal });
      const found = await api.pod({ namespace, name }, { signal });
      const phase = found.status?.phase;
      if (phase === "Succeeded" || phase === "Failed") {
        throw new Error(
          `cannot exec into a container in a completed pod; current phase is ${phase}`,
        );
      }
      const { container, hint } = chooseContainer(found, flags.container);
      if (hint !== undefined && !flags.quiet) printError(`${hint}\n`);
      const { reportOutcome, runSession, sessionMode } = await import(
        "./remote_session.ts"
      );
      const parts = [namespace, name, container.name].map(encodeURIComponent);
      const outcome = await runSession(api, `/exec/${parts.join("/")}`, {
        mode: sessionMode(flags),
        query: { command: argv },
        signal,
      });
      exitWith(reportOutcome(outcome));
    });
}
