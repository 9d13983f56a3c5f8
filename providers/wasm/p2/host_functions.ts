import { GuestError } from "./guest_error.ts";
import { camelCase, pascalCase } from "./host_names.ts";
import type { ComponentFunction } from "./value_types.ts";
import { isWasiFunction } from "./wasi_functions.ts";

/**
 * What a component imports, by interface without its version, and by name: functions and classes,
 * whose methods are those of a resource. They throw a {@linkcode GuestError} for the `err` of a
 * result, and give what is in the `ok`.
 */
export type ComponentImports = Readonly<
  Record<string, Readonly<Record<string, unknown>>>
>;

/** A function with parameters and results as the component has them: results are never thrown. */
export type PlainFunction = (args: readonly unknown[]) => unknown;

type HostFunction = Extract<ComponentFunction, { readonly kind: "host" }>;

/** The host's function; undefined where it, or WASI 0.2, has none of this name and these types. */
export function hostFunction(
  imports: ComponentImports,
  callee: HostFunction,
): PlainFunction | undefined {
  if (!isWasiFunction(callee)) return undefined;
  const { from, name, type } = callee;
  const call = findCall(imports[from] ?? {}, name);
  if (call === undefined) return undefined;
  return type.result?.kind === "result" ? withResult(call) : call;
}

/** Whether it may wait, and so suspend the guest. */
export function mayWait({ from, name }: HostFunction): boolean {
  return waiting.has(`${from}#${name}`);
}

/** How messages name a function that is missing, or its interface where that is. */
export function missingName(
  imports: ComponentImports,
  { from, name }: HostFunction,
): string {
  return !Object.hasOwn(imports, from) || name === from
    ? from
    : `${from}#${name}`;
}

function findCall(
  members: Readonly<Record<string, unknown>>,
  name: string,
): PlainFunction | undefined {
  const [, kind, resource = "", method = ""] =
    /^\[(\w+)\]([^.]+)(?:\.(.+))?$/.exec(name) ?? [];
  if (kind === undefined) {
    const call = members[camelCase(name)];
    return isFunction(call) ? (args) => call(...args) : undefined;
  }
  const owner = members[pascalCase(resource)];
  if (!isFunction(owner)) return undefined;
  switch (kind) {
    case "constructor":
      return (args) => Reflect.construct(owner, args);
    case "static": {
      const call = Reflect.get(owner, camelCase(method));
      return isFunction(call)
        ? (args) => call.apply(owner, [...args])
        : undefined;
    }
    case "method": {
      const call = Reflect.get(owner.prototype, camelCase(method));
      if (!isFunction(call)) return undefined;
      return ([self, ...args]) => call.apply(self, args);
    }
    default:
      return undefined;
  }
}

function withResult(call: PlainFunction): PlainFunction {
  return (args) => {
    try {
      const value = call(args);
      return value instanceof Promise
        ? value.then(succeeded, failed)
        : succeeded(value);
    } catch (error) {
      return failed(error);
    }
  };
}

function succeeded(val: unknown) {
  return { tag: "ok", val };
}

function failed(error: unknown) {
  if (error instanceof GuestError) return { tag: "err", val: error.payload };
  throw error;
}

/** A function or a class. */
type AnyFunction =
  & ((...args: unknown[]) => unknown)
  & (new (...args: readonly unknown[]) => unknown)
  & { readonly prototype: object };

function isFunction(value: unknown): value is AnyFunction {
  return typeof value === "function";
}

/** The functions of WASI 0.2 that block their caller. */
const waiting: ReadonlySet<string> = new Set([
  "wasi:io/poll#poll",
  "wasi:io/poll#[method]pollable.block",
  "wasi:io/streams#[method]input-stream.blocking-read",
  "wasi:io/streams#[method]input-stream.blocking-skip",
  "wasi:io/streams#[method]output-stream.blocking-flush",
  "wasi:io/streams#[method]output-stream.blocking-splice",
  "wasi:io/streams#[method]output-stream.blocking-write-and-flush",
  "wasi:io/streams#[method]output-stream.blocking-write-zeroes-and-flush",
]);
