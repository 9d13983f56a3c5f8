/** A line that grows beyond this is passed on in pieces. */
const maxLineBytes = 1024 * 1024;
const newline = 10;

/**
 * The same bytes in chunks of whole lines, so that several logs can be written to one place. Only
 * the last chunk, and pieces of lines above 1 MiB, may end without a line end.
 */
export async function* wholeLines(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const begun: Uint8Array[] = [];
  let begunBytes = 0;
  for await (const chunk of chunks) {
    const end = chunk.lastIndexOf(newline) + 1;
    if (end > 0) {
      yield joined([...begun.splice(0), chunk.subarray(0, end)]);
      begunBytes = 0;
    }
    if (end < chunk.length) begun.push(chunk.subarray(end));
    begunBytes += chunk.length - end;
    if (begunBytes < maxLineBytes) continue;
    yield joined(begun.splice(0));
    begunBytes = 0;
  }
  if (begunBytes > 0) yield joined(begun);
}

/** Puts `prefix` in front of every line; a chunk of {@linkcode wholeLines} starts with one. */
export function prefixed(lines: Uint8Array, prefix: Uint8Array): Uint8Array {
  const starts = lineStarts(lines);
  const result = new Uint8Array(lines.length + starts.length * prefix.length);
  let at = 0;
  for (const [i, start] of starts.entries()) {
    result.set(prefix, at);
    at += prefix.length;
    const line = lines.subarray(start, starts[i + 1] ?? lines.length);
    result.set(line, at);
    at += line.length;
  }
  return result;
}

function lineStarts(lines: Uint8Array): readonly number[] {
  const starts: number[] = [];
  for (let at = 0; at < lines.length;) {
    starts.push(at);
    const end = lines.indexOf(newline, at);
    if (end < 0) break;
    at = end + 1;
  }
  return starts;
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [first] = pieces;
  if (first !== undefined && pieces.length === 1) return first;
  const whole = new Uint8Array(
    pieces.reduce((bytes, piece) => bytes + piece.length, 0),
  );
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
