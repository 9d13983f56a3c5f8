import { Command, CommanderError } from "commander";
import { ConfigError } from "../async/config_error.ts";
import { attachCommand } from "./attach.ts";
import type { CliContext } from "./context.ts";
import { deleteCommand } from "./delete.ts";
import { describeCommand } from "./describe.ts";
import { getCommand } from "./get.ts";
import { doctorCommand } from "./doctor.ts";
import { execCommand } from "./exec.ts";
import { explainCommand } from "./explain.ts";
import { imageCommand } from "./image.ts";
import { Interrupt } from "./interrupt.ts";
import { joinCommand } from "./join.ts";
import { leaveCommand } from "./leave.ts";
import { logsCommand } from "./logs.ts";
import { coloured, print, printError, wantsColour } from "./output.ts";
import { OutputClosed } from "./output_stream.ts";
import { portForwardCommand } from "./port_forward.ts";
import { printCommand } from "./print.ts";
import { runCommand } from "./run.ts";
import { serveCommand } from "./serve.ts";
import { ServerError } from "./server_error.ts";
import { topCommand } from "./top.ts";
import { versionCommand } from "./version.ts";

const examples = `
Examples:
  farlet run examples/demo.yaml
  farlet join ssh://root@10.0.0.7 --kubeconfig ~/.kube/config
  farlet serve --kubeconfig ~/.kube/config --node-name edge-1
  farlet run --help`;

/**
 * Runs the command that `args` name and resolves the exit code: 2 when the command line or what
 * the operator gave is wrong, 1 when something else failed, which is told on standard error.
 */
export async function runCli(
  args: readonly string[],
  { env, signal }: Omit<CliContext, "exitWith">,
): Promise<number> {
  let exitCode = 0;
  const exitWith = (code: number) => {
    exitCode = code;
  };
  try {
    await program({ env, signal, exitWith }).parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    // Commander has told its own errors; its help and version are no failures.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof Interrupt) return error.exitCode;
    if (error instanceof OutputClosed) return 0;
    if (error instanceof ServerError) printError(`${error.message}\n`);
    else printError(errorLine(messageOf(error), env));
    return error instanceof ConfigError ? 2 : 1;
  }
}

function program(context: CliContext): Command {
  const commands = [
    runCommand,
    joinCommand,
    leaveCommand,
    doctorCommand,
    serveCommand,
    getCommand,
    describeCommand,
    topCommand,
    deleteCommand,
    logsCommand,
    execCommand,
    attachCommand,
    portForwardCommand,
    explainCommand,
    imageCommand,
    printCommand,
    versionCommand,
  ].map((make) => make(context));
  const program = new Command("farlet")
    .description(
      "Kubernetes nodes made of hosts reached over SSH, and of WASI modules",
    )
    .helpCommand(false)
    // What is behind a "--" belongs to the command, also where it looks like an option.
    .enablePositionalOptions()
    .addHelpText("after", examples);
  for (const command of commands) program.addCommand(command);
  for (const command of [program, ...commands, ...subcommands(commands)]) {
    command.exitOverride().configureOutput({
      writeOut: print,
      writeErr: printError,
      outputError: (text, write) => write(errorLine(text, context.env)),
      getOutHasColors: () => wantsColour(Deno.stdout, context.env),
      getErrHasColors: () => wantsColour(Deno.stderr, context.env),
    });
  }
  return program;
}

function subcommands(commands: readonly Command[]): readonly Command[] {
  return commands.flatMap((command) => command.commands);
}

function errorLine(text: string, env: CliContext["env"]): string {
  const label = wantsColour(Deno.stderr, env)
    ? coloured("error:", 31)
    : "error:";
  return `${label} ${text.replace(/^error: /, "").trimEnd()}\n`;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const known = cause instanceof Error && error.message.includes(cause.message);
  if (!(cause instanceof Error) || known || error instanceof ConfigError) {
    return error.message;
  }
  return `${error.message}: ${cause.message}`;
}
