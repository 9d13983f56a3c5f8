/** Writes all of `text` to standard output. */
export function print(text: string): void {
  write(Deno.stdout, text);
}

/** Writes all of `text` to standard error. */
export function printError(text: string): void {
  write(Deno.stderr, text);
}

/** A terminal colour, as the number of its escape sequence. */
export const colours = [36, 33, 35, 32, 34, 31] as const;
export type Colour = (typeof colours)[number];

/** Whether colours are welcome: on a terminal, unless `NO_COLOR` is set. */
export function wantsColour(
  stream: { isTerminal(): boolean },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  return !env["NO_COLOR"] && env["TERM"] !== "dumb" && stream.isTerminal();
}

/** `text` in `colour`. */
export function coloured(text: string, colour: Colour): string {
  return `\x1b[${colour}m${text}\x1b[0m`;
}

/** Text of a host without what would control a terminal; lines stay lines. */
export function printable(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n]/gu, "\ufffd");
}

/** A reader that went away, such as `head`, is no failure: the rest is for nobody. */
function write(
  stream: { writeSync(bytes: Uint8Array): number },
  text: string,
): void {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let written = 0; written < bytes.length;) {
      written += stream.writeSync(bytes.subarray(written));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
