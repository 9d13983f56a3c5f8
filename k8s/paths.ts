/** Which object, or which collection, a path means. */
export interface PathOptions {
  /** Omitted for objects of the whole cluster, and for a collection over all namespaces. */
  readonly namespace?: string | undefined;
  /** Omitted for the collection. */
  readonly name?: string | undefined;
  /** For example `status`; needs a name. */
  readonly subresource?: string | undefined;
}

/**
 * The path of an object or a collection in the API, with its parts escaped.
 *
 * @param apiVersion `v1`, or group and version: `coordination.k8s.io/v1`.
 * @param resource Plural and in lower case: `pods`.
 */
export function apiPath(
  apiVersion: string,
  resource: string,
  { namespace, name, subresource }: PathOptions = {},
): string {
  const root = apiVersion.includes("/") ? "/apis" : "/api";
  const parts = [resource, name, subresource].filter((part) =>
    part !== undefined
  );
  const scope = namespace === undefined ? [] : ["namespaces", namespace];
  const escaped = [...scope, ...parts].map(encodeURIComponent);
  return `${root}/${apiVersion}/${escaped.join("/")}`;
}

/** What goes behind the `?`; undefined values are left out. */
export type Query = Readonly<
  Record<string, string | number | boolean | undefined>
>;

/** The path with its query. */
export function withQuery(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  return parameters.size === 0 ? path : `${path}?${parameters}`;
}
