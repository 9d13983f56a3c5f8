import { Command } from "commander";
import type { Pod } from "../k8s/types.ts";
import { chooseContainer, type ChosenContainer } from "./container_choice.ts";
import type { CliContext } from "./context.ts";
import { findLocalApi, type PodFlags, withPodFlags } from "./local_command.ts";
import { print, printError } from "./output.ts";
import { podArgument } from "./pod_argument.ts";

const examples = `
Examples:
  farlet attach web
  farlet attach -it pod/web -c app`;

interface AttachFlags extends PodFlags {
  readonly container?: string;
  readonly stdin?: boolean;
  readonly tty?: boolean;
  readonly quiet?: boolean;
}

/** `farlet attach`: connects to the process of a container of this machine's agent. */
export function attachCommand({ env, signal, exitWith }: CliContext): Command {
  const command = new Command("attach")
    .description("Attach to a process that already runs in a container")
    .argument("<pod>", "POD or pod/NAME")
    .option("-c, --container <name>", "the container; the pod's default one")
    .option("-i, --stdin", "pass standard input to the container")
    .option("-t, --tty", "standard input is a terminal")
    .option("-q, --quiet", "print only what the container prints");
  return withPodFlags(command)
    .addHelpText("after", examples)
    .action(async (pod: string, flags: AttachFlags) => {
      const name = podArgument(pod);
      const { namespace } = flags;
      using api = await findLocalApi(flags, { env, signal });
      const found = await api.pod({ namespace, name }, { signal });
      const container = attachable(found, flags);
      const { reportOutcome, runSession, sessionMode } = await import(
        "./remote_session.ts"
      );
      const tty = container.tty ?? false;
      const mode = sessionMode({ ...flags, tty });
      const inform = flags.quiet ? () => {} : printError;
      if (flags.tty && !tty) {
        inform(
          `error: Unable to use a TTY - container ${container.name} did not allocate one\n`,
        );
      }
      inform(
        "All commands and output from this session will be recorded in container logs, including credentials and sensitive information passed through the command prompt.\n" +
          "If you don't see a command prompt, try pressing enter.\n",
      );
      const parts = [namespace, name, container.name].map(encodeURIComponent);
      const outcome = await runSession(api, `/attach/${parts.join("/")}`, {
        mode,
        redraw: true,
        signal,
      });
      exitWith(reportOutcome(outcome));
      if (flags.quiet || !mode.tty) return;
      print(
        `Session ended, resume using 'farlet attach ${name} -c ${container.name} -n ${namespace} -i -t' command\n`,
      );
    });
}

function attachable(
  pod: Pod,
  flags: AttachFlags,
): ChosenContainer["container"] {
  const phase = pod.status?.phase;
  if (phase === "Succeeded" || phase === "Failed") {
    throw new Error(
      `cannot attach a container in a completed pod; current phase is ${phase}`,
    );
  }
  const { container, hint } = chooseContainer(pod, flags.container);
  if (hint !== undefined && !flags.quiet) printError(`${hint}\n`);
  return container;
}
