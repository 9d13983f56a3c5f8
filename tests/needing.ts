/**
 * What a test is called and whether it is skipped, for `Deno.test({ ...needing(missing, name), fn })`:
 * a skipped test says in its name what is missing.
 */
export function needing(
  missing: string | undefined,
  name: string,
): { readonly name: string; readonly ignore: boolean } {
  return missing === undefined
    ? { name, ignore: false }
    : { name: `${name} (${missing})`, ignore: true };
}
