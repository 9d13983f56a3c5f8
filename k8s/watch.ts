import { ApiError, type Status } from "./errors.ts";
import type { KubernetesObject } from "./types.ts";

/** What a watch tells of an object; a bookmark tells only how far it has got. */
export type WatchEvent<T> =
  | {
    readonly type: "ADDED" | "MODIFIED" | "DELETED";
    readonly object: T;
  }
  | { readonly type: "BOOKMARK"; readonly object: KubernetesObject };

/**
 * Reads the events of a watch: one JSON text a line.
 *
 * @param action What the stream answers, as in `GET /api/v1/pods`.
 * @throws {ApiError} If an ERROR event comes, for example 410 `Expired`.
 * @throws {Error} If the stream is garbled, or ends within an event.
 */
export async function* watchEvents<T>(
  chunks: AsyncIterable<Uint8Array>,
  action: string,
): AsyncGenerator<WatchEvent<T>> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  for await (const chunk of chunks) {
    const text = decode(decoder, chunk, action);
    let start = 0;
    for (
      let end = text.indexOf("\n");
      end >= 0;
      end = text.indexOf("\n", start)
    ) {
      const line = rest + text.slice(start, end);
      rest = "";
      start = end + 1;
      if (line.trim() !== "") yield parseEvent<T>(line, action);
    }
    rest += text.slice(start);
  }
  rest += decode(decoder, undefined, action);
  if (rest.trim() !== "") {
    throw new Error(`Cannot ${action}: the watch ends within an event`);
  }
}

function decode(
  decoder: TextDecoder,
  chunk: Uint8Array | undefined,
  action: string,
): string {
  try {
    return chunk === undefined
      ? decoder.decode()
      : decoder.decode(chunk, { stream: true });
  } catch (cause) {
    throw new Error(`Cannot ${action}: the watch is not UTF-8`, { cause });
  }
}

function parseEvent<T>(line: string, action: string): WatchEvent<T> {
  const { type, object } = parseLine(line, action);
  switch (type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
      // The API server answers for the shape of what it serves under this path.
      return { type, object: object as T };
    case "BOOKMARK":
      return { type, object: object as KubernetesObject };
    case "ERROR":
      throw ApiError.fromStatus(action, object as Status);
    default:
      throw new Error(
        `Cannot ${action}: the watch has an event of type "${type}"`,
      );
  }
}

function parseLine(
  line: string,
  action: string,
): { readonly type: unknown; readonly object: object } {
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch (cause) {
    throw new Error(`Cannot ${action}: the watch is not JSON`, { cause });
  }
  if (
    typeof event === "object" && event !== null && "type" in event &&
    "object" in event && typeof event.object === "object" &&
    event.object !== null
  ) return { type: event.type, object: event.object };
  throw new Error(`Cannot ${action}: the watch has a line that is no event`);
}
