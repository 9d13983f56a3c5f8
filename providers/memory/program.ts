import { untilAborted } from "../../async/abort.ts";
import { delay } from "../../async/delay.ts";
import type { ProgramHost } from "../program_runtime.ts";

/**
 * Runs the verbs in `args` one after the other and gives the exit code.
 *
 * `echo TEXT`, `err TEXT`, `exit CODE`, `sleep MS`, `cat FILE`, `write FILE TEXT`, `env NAME`,
 * `lines COUNT`; `spin`, and no verb at all, run until the signal aborts. The same verbs are
 * understood by the WASI guest in `tests/guests`, so that one suite serves all providers.
 */
export async function runProgram(host: ProgramHost): Promise<number> {
  const words = [...host.args];
  if (words.length === 0) words.push("spin");
  for (let verb = words.shift(); verb !== undefined; verb = words.shift()) {
    const word = () => words.shift() ?? "";
    switch (verb) {
      case "echo":
        host.print("stdout", `${word()}\n`);
        break;
      case "err":
        host.print("stderr", `${word()}\n`);
        break;
      case "exit":
        return Number(word());
      case "sleep":
        await delay(Number(word()), host);
        break;
      case "spin":
        await untilAborted(host.signal);
        host.signal.throwIfAborted();
        break;
      case "env":
        host.print("stdout", `${host.env[word()] ?? ""}\n`);
        break;
      case "lines": {
        const count = Number(word());
        for (let i = 1; i <= count; i++) host.print("stdout", `line ${i}\n`);
        break;
      }
      case "cat": {
        const path = word();
        const text = host.read(path);
        if (text === undefined) {
          host.print("stderr", `cat: ${path}: No such file\n`);
          return 1;
        }
        host.print("stdout", text);
        break;
      }
      case "write":
        host.write(word(), word());
        break;
      default:
        host.print("stderr", `unknown verb: ${verb}\n`);
        return 127;
    }
  }
  return 0;
}
