/**
 * `text` with each `$(NAME)` replaced by what `lookup` gives, as Kubernetes does it.
 *
 * A name without a value stays as it is, `$$` becomes `$`, and an incomplete `$(` stays too.
 * What was put in is not expanded again.
 */
export function expand(
  text: string,
  lookup: (name: string) => string | undefined,
): string {
  // Up to the last ")" every "$(" is complete: no text makes this look further than once.
  const end = text.lastIndexOf(")") + 1;
  const head = text.slice(0, end).replaceAll(
    /\$(?:\$|\(([^)]*)\))/g,
    (reference: string, name: string | undefined) =>
      name === undefined ? "$" : lookup(name) ?? reference,
  );
  return head + text.slice(end).replaceAll("$$", () => "$");
}

/** The value of `name`; names such as `constructor` that only JavaScript knows have none. */
export function valueOf(
  env: Readonly<Record<string, string>>,
  name: string,
): string | undefined {
  return Object.hasOwn(env, name) ? env[name] : undefined;
}
