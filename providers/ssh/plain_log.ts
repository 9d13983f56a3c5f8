import type { AbortOptions } from "../../async/abort.ts";
import { UnreachableError } from "../errors.ts";
import type { LogOptions } from "../runtime.ts";
import type { Host } from "./host.ts";

/** The script has found that the host has to send the records whole. */
const declined = 67;

/**
 * Arguments: the file. Prints the lines of a log in the CRI format without their heads, up to the
 * end that the file has now, and first a line to say that it will.
 *
 * conmon's heads are 45 bytes wide, and a line in several parts has another tag: a file with any
 * other beginning of a line is declined, and so is one that the host's tools cannot cut.
 */
const script = `
[ -f "$1" ] && [ -r "$1" ] || exit ${declined}
exec 3<"$1" || exit ${declined}
LC_ALL=C
export LC_ALL
size=$(stat -L -c %s /proc/self/fd/3) || exit ${declined}
grep -qavE '^[^ ]{35} std(out|err) F ' /proc/self/fd/3 2>/dev/null
[ $? = 1 ] || exit ${declined}
echo plain
if command -v perl >/dev/null 2>&1; then
  head -c "$size" <&3 | perl -ne 'print substr($_, 45)'
else head -c "$size" <&3 | cut -b46-; fi`;

const announcement = "plain\n";
/** A channel's packets have 32 KiB; every one that is handed on by itself costs all who are on its way. */
const pieceBytes = 256 * 1024;

/** Whether all of the log is wanted as it is now, and nothing of its records but their text. */
export function isPlain(
  { follow, timestamps, tailLines, since, stream, limitBytes }: LogOptions,
): boolean {
  return !follow && !timestamps && tailLines === undefined &&
    since === undefined && stream === undefined && limitBytes === undefined;
}

/**
 * Yields the text of a whole log file that conmon writes, cut out on the host: a quarter less to
 * send, and nothing to do here. Yields `declined`, and nothing else, where that cannot be done.
 */
export async function* readPlainLog(
  host: Host,
  path: string,
  { signal }: AbortOptions,
): AsyncGenerator<Uint8Array | "declined", void> {
  await using process = await host.spawn(script, [path], { signal });
  const errors = process.stderr.cancel();
  errors.catch(() => undefined); // It says nothing that the exit code does not.
  let announced = 0;
  let piece = new Uint8Array(pieceBytes);
  let filled = 0;
  for await (const chunk of process.stdout) {
    signal.throwIfAborted();
    const skipped = Math.min(chunk.length, announcement.length - announced);
    announced += skipped;
    for (let rest = chunk.subarray(skipped); rest.length > 0;) {
      const taken = rest.subarray(0, pieceBytes - filled);
      piece.set(taken, filled);
      filled += taken.length;
      rest = rest.subarray(taken.length);
      if (filled < pieceBytes) continue;
      yield piece;
      piece = new Uint8Array(pieceBytes);
      filled = 0;
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
  const { code } = await process.ended;
  if (code === 0) return;
  if (code === undefined) {
    throw new UnreachableError(
      `Cannot read a log: the connection to ${host.name} was lost`,
    );
  }
  if (announced === 0) yield "declined";
  else throw new Error(`Cannot read a log on ${host.name}: exit code ${code}`);
}
