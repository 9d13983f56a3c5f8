import type { AbortOptions } from "../async/abort.ts";
import type { KubernetesObject } from "../k8s/types.ts";
import { type WatchEvent, watchEvents } from "../k8s/watch.ts";
import type { LocalApi, LocalQuery } from "./local_api.ts";
import { readBody } from "./read_body.ts";

/**
 * What happens in a collection of the agent, beginning with all that is there, until the agent
 * ends.
 */
export async function* watchObjects<T extends KubernetesObject>(
  api: LocalApi,
  { path, query, signal }: AbortOptions & {
    /** Such as `/pods`. */
    readonly path: string;
    readonly query?: LocalQuery;
  },
): AsyncGenerator<WatchEvent<T>> {
  const { body } = await api.fetch(path, {
    query: { ...query, watch: true },
    signal,
  });
  if (body === null) return;
  const bytes = ReadableStream.from(readBody(body, { signal }));
  yield* watchEvents<T>(bytes, `GET ${path}`);
}
