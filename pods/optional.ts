/** `{ [key]: value }`, or nothing where the value is undefined: for fields that may be absent. */
export function optional<K extends string, V>(
  key: K,
  value: V | undefined,
): { readonly [P in K]?: V } {
  return value === undefined ? {} : { [key]: value } as { [P in K]: V };
}
