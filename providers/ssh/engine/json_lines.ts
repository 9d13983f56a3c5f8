/** The longest line that an engine may send. */
const maxLineChars = 8 * 1024 * 1024;

/** The JSON values of a stream that has one a line; empty lines are skipped. */
export async function* jsonLines(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield JSON.parse(line);
    if (rest.length > maxLineChars) {
      throw new RangeError("Cannot read the answer: a line of it has no end");
    }
  }
  if (rest.trim() !== "") yield JSON.parse(rest);
}
