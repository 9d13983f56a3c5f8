import type { Environment } from "../config_settings.ts";
import type { Console } from "../standalone_output.ts";
import {
  type Colour,
  coloured,
  colours,
  print,
  printError,
  wantsColour,
} from "./output.ts";

/**
 * What `farlet run` shows: the lines of containers on standard output, each after its container's
 * name, and events on standard error; warnings only, unless `verbose`.
 */
export class RunConsole implements Console {
  readonly #env: Environment;
  readonly #verbose: boolean;
  readonly #colours = new Map<string, Colour>();

  constructor(
    { env, verbose }: { readonly env: Environment; readonly verbose: boolean },
  ) {
    this.#env = env;
    this.#verbose = verbose;
  }

  lines(prefix: string, lines: readonly string[]): void {
    const label = wantsColour(Deno.stdout, this.#env)
      ? coloured(`${prefix} |`, this.#colourOf(prefix))
      : `${prefix} |`;
    print(lines.map((line) => `${label} ${line}\n`).join(""));
  }

  event(
    { name }: { readonly name?: string },
    { type, reason, message }: Parameters<Console["event"]>[1],
  ): void {
    if (type === "Normal" && !this.#verbose) return;
    const label = type === "Warning" && wantsColour(Deno.stderr, this.#env)
      ? coloured(reason, 33)
      : reason;
    printError(`${name ?? "pod"}: ${label}: ${message}\n`);
  }

  /** In the order in which containers speak up; again from the first one after the last. */
  #colourOf(prefix: string): Colour {
    const known = this.#colours.get(prefix);
    if (known !== undefined) return known;
    const colour = colours[this.#colours.size % colours.length] ?? colours[0];
    this.#colours.set(prefix, colour);
    return colour;
  }
}
