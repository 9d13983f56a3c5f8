/**
 * The name of an interface of WASI without its version, which is any of 0.2; all others keep
 * theirs.
 */
export function interfaceName(name: string): string {
  return name.replace(/@0\.2\.\d+$/, "");
}
