import { interfaceName } from "./interface_name.ts";
import type { ComponentProgram } from "./link_component.ts";
import type { ComponentFunction, FunctionType } from "./value_types.ts";

/** Exports of a component, of which one is to be called. */
export type ComponentExports = ComponentProgram["exports"];

/** The function of an interface that a component exports in any version of 0.2; undefined where it has none. */
export function findExport(
  exports: ComponentExports,
  wanted: string,
  name: string,
): ComponentFunction | undefined {
  for (const [exported, item] of exports) {
    if (item.kind !== "instance") continue;
    if (interfaceName(exported) !== wanted) continue;
    const found = item.items.get(name);
    if (found?.kind === "function") return found.function;
  }
  return undefined;
}

/** The names of what of a component can be called like a command, such as `run` and `a:b/c@1.0.0#d`. */
export function entryNames(exports: ComponentExports): readonly string[] {
  return entries(exports).map(([name]) => name);
}

/**
 * The function with a name, which may be without a version; for an interface with one function its
 * own name is enough. It takes nothing, and gives nothing, a `result` or a whole number.
 */
export function findEntry(
  exports: ComponentExports,
  name: string,
): ComponentFunction | undefined {
  const all = entries(exports);
  const [, exact] = all.find(([each]) => each === name) ?? [];
  if (exact !== undefined) return exact;
  const unversioned = all.filter(([each]) => withoutVersion(each) === name);
  const ofInterface = all.filter(([each]) =>
    [each, withoutVersion(each)].some((one) => one.startsWith(`${name}#`))
  );
  const [found, another] = unversioned.length > 0 ? unversioned : ofInterface;
  return another === undefined ? found?.[1] : undefined;
}

/** What to exit with for what an entry gave. */
export function exitCodeOf(result: unknown): number {
  if (typeof result === "number" || typeof result === "bigint") {
    return Number(BigInt.asUintN(8, BigInt(result)));
  }
  if (typeof result !== "object" || result === null) return 0;
  return "tag" in result && result.tag === "err" ? 1 : 0;
}

function entries(
  exports: ComponentExports,
): readonly (readonly [string, ComponentFunction])[] {
  return [...exports].flatMap(([name, item]) => {
    if (item.kind === "function") {
      return isPlain(item.function.type)
        ? [[name, item.function] as const]
        : [];
    }
    if (item.kind !== "instance") return [];
    return [...item.items].flatMap(([member, each]) =>
      each.kind === "function" && isPlain(each.function.type)
        ? [[`${name}#${member}`, each.function] as const]
        : []
    );
  });
}

function isPlain({ parameters, result }: FunctionType): boolean {
  if (parameters.length > 0) return false;
  if (result === undefined || result.kind === "result") return true;
  return result.kind === "primitive" && /^[su]\d+$/.test(result.primitive);
}

function withoutVersion(name: string): string {
  return name.replace(/@[^#]*/, "");
}
