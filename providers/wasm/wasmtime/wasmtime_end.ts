import type { GuestReport } from "../guest_spec.ts";

/**
 * What wasmtime's last words say about how a guest ended; undefined where the exit code is the
 * guest's own. wasmtime exits with 134 after a trap, and with 1 when it fails otherwise.
 *
 * @param lastErrors The last lines of standard error.
 */
export function wasmtimeReport(
  code: number,
  lastErrors: string,
): GuestReport | undefined {
  if (code !== trapped && code !== failed) return undefined;
  const words = lastWords(lastErrors);
  if (words === undefined) {
    return code === trapped
      ? { reason: "Trap", message: "wasm trap" }
      : undefined;
  }
  if (words.includes("forcing trap when growing memory")) {
    return { reason: "OOMKilled", message: "memory limit exceeded" };
  }
  // A program of Rust says "Error: …" as well when it exits with 1.
  if (code === failed && !words.startsWith(notRun)) return undefined;
  const message = causes(words).at(-1) ?? words.split("\n")[0] ?? words;
  if (code === trapped) {
    return { reason: "Trap", message: message.replace(/^wasm trap: /, "") };
  }
  return words.includes("failed to invoke")
    ? { reason: "Trap", message }
    : { reason: "StartError", message: message.replace(/^Error: /, "") };
}

/** What wasmtime wrote at its end, without the stack of its own functions. */
function lastWords(text: string): string | undefined {
  const from = text.lastIndexOf("Error: ");
  if (from < 0 || (from > 0 && text[from - 1] !== "\n")) return undefined;
  const words = text.slice(from);
  const stack = words.indexOf("\nStack backtrace:");
  return (stack < 0 ? words : words.slice(0, stack)).trimEnd();
}

/** The numbered causes, the first one last; those of a backtrace look alike but come before. */
function causes(words: string): readonly string[] {
  return words.split("\n").flatMap((line) => {
    const [, cause] = /^ {4}\d+: (?! )(.+)$/.exec(line) ?? [];
    return cause === undefined ? [] : [cause];
  });
}

/** 128 + SIGABRT. */
const trapped = 134;

const failed = 1;

const notRun = "Error: failed to run main module `";
