/**
 * A command line that runs a POSIX shell script with `args` as its `$1`, `$2`, …, whatever the
 * login shell that parses it: what sh, fish and csh read differently is written as octal numbers.
 *
 * @throws {RangeError} When it has a NUL, or is longer than Linux allows one argument to be.
 */
export function shellCommand(script: string, args: readonly string[]): string {
  // Also without arguments: "$1" is the encoded script until then.
  const program = `set -- ${args.map(posixQuote).join(" ")}\n${script}`;
  if (program.includes("\0")) {
    throw new RangeError("Cannot run a script with a NUL character in it");
  }
  const command = `exec sh -c 'eval "$(printf %b "$1")"' sh '${
    octal(program)
  }'`;
  if (command.length > longestCommand) {
    throw new RangeError(
      `Cannot run a script of ${command.length} bytes: its data belongs in stdin`,
    );
  }
  return command;
}

/** Linux' MAX_ARG_STRLEN, less what shells put around it. */
const longestCommand = 128 * 1024 - 64;

/** Quotes one word for a POSIX shell. */
function posixQuote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * Text for `printf %b` that needs nothing but plain single quotes around it: fish reads a backslash
 * in them, csh an exclamation mark and the end of a line, and none knows another one's encoding.
 */
function octal(text: string): string {
  const bytes = new TextEncoder().encode(text);
  let result = "";
  for (const byte of bytes) {
    result += plain(byte)
      ? String.fromCharCode(byte)
      : `\\0${byte.toString(8).padStart(3, "0")}`;
  }
  return result;
}

function plain(byte: number): boolean {
  if (byte < 0x20 || byte > 0x7e) return false;
  const character = String.fromCharCode(byte);
  return character !== "'" && character !== "\\" && character !== "!";
}
