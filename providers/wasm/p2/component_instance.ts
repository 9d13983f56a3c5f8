import { promising, suspending } from "../jspi.ts";
import { CallShape } from "./canon_calls.ts";
import { CanonMemory } from "./canon_memory.ts";
import type { FlatValue } from "./codec.ts";
import { HandleTable, release } from "./handle_table.ts";
import {
  type ComponentImports,
  hostFunction,
  mayWait,
  type PlainFunction,
} from "./host_functions.ts";
import type { ComponentProgram, CoreImport } from "./link_component.ts";
import type {
  BoundOptions,
  ComponentFunction,
  CoreItem,
} from "./value_types.ts";

/** What all instances of a component have in common. */
export interface ComponentCode {
  readonly program: ComponentProgram;
  /** Compiled, in the order of the program. */
  readonly modules: readonly WebAssembly.Module[];
  readonly imports: ComponentImports;
  /** How its functions are called; filled as they are. */
  readonly shapes: Map<ComponentFunction, CallShape>;
  /** What the host has for its functions; filled as they are called. */
  readonly hosts: Map<ComponentFunction, PlainFunction>;
}

/** One instance of a component, with memory and resources of its own. */
export class ComponentInstance implements Disposable {
  readonly #code: ComponentCode;
  readonly #handles: readonly HandleTable[];
  readonly cores: WebAssembly.Instance[] = [];
  /** How to end the calls of the host that the instance waits for. */
  readonly #waiting = new Set<(reason: unknown) => void>();
  #ended: { readonly reason: unknown } | undefined;

  /** Makes an instance; throws where the start functions of its modules trap. */
  constructor(code: ComponentCode) {
    this.#code = code;
    const { parts, steps } = code.program;
    this.#handles = Array.from({ length: parts }, () => new HandleTable());
    for (const { module, imports } of steps) {
      const compiled = code.modules[module];
      if (compiled === undefined) throw new TypeError(`no module ${module}`);
      const given = named(imports, (item) => this.#moduleImport(item));
      this.cores.push(new WebAssembly.Instance(compiled, given));
    }
  }

  /** Calls one of its functions; rejects when that traps. */
  async call(
    callee: ComponentFunction,
    args: readonly unknown[],
  ): Promise<unknown> {
    return await this.#callable(callee)(args);
  }

  /** Has it trap as soon as it waits for the host, if it does not already. */
  end(reason: unknown): void {
    this.#ended ??= { reason };
    for (const reject of this.#waiting) reject(reason);
  }

  /** Lets go of all resources that it still has. It is not to be called any more. */
  [Symbol.dispose](): void {
    for (const handles of this.#handles) handles.clear();
  }

  #moduleImport(item: CoreImport): WebAssembly.ModuleImports {
    switch (item.kind) {
      case "instance":
        return this.cores[item.instance]?.exports ?? {};
      case "items":
        return named(item.items, (each) => this.#core(each));
    }
  }

  #core(item: CoreItem): WebAssembly.ImportValue {
    switch (item.kind) {
      case "export": {
        const value = this.cores[item.instance]?.exports[item.name];
        if (value === undefined) {
          throw new TypeError(`no core export "${item.name}"`);
        }
        return value;
      }
      case "lower": {
        const { callee, options } = item;
        const waits = callee.kind === "lift" || mayWait(callee);
        const call = this.#callable(callee);
        const lowered = this.#shape(callee)
          .lower(
            waits ? this.#endable(call) : call,
            () => this.#memory(options),
          );
        return waits ? suspending(lowered) : lowered;
      }
      case "resource":
        return this.#resourceFunction(item);
    }
  }

  #resourceFunction(
    { action, resource, part }: Extract<CoreItem, { kind: "resource" }>,
  ): WebAssembly.ImportValue {
    const handles = this.#handles[part];
    if (handles === undefined) throw new TypeError(`no part ${part}`);
    switch (action) {
      case "new":
        return (value: number) => handles.add(resource, value, true);
      case "rep":
        return (index: number) => Number(handles.get(index, resource));
      case "drop":
        if (resource.destructor !== undefined) {
          // It may wait, as any other function of the guest.
          const destroy = promising(this.#coreFunction(resource.destructor));
          return suspending((index: number) => {
            const dropped = handles.drop(index, resource);
            if (dropped === undefined) return 0;
            return destroy(Number(dropped.owned)).then(() => 0);
          });
        }
        return (index: number) => {
          const dropped = handles.drop(index, resource);
          if (resource.owner === undefined) release(dropped?.owned);
        };
    }
  }

  #callable(callee: ComponentFunction): PlainFunction {
    if (callee.kind === "lift") {
      const { core, options } = callee;
      return (args) =>
        this.#shape(callee).call(
          this.#coreFunction(core),
          this.#memory(options),
          args,
          options.postReturn && this.#coreFunction(options.postReturn),
        );
    }
    const { hosts, imports } = this.#code;
    const known = hosts.get(callee) ?? hostFunction(imports, callee);
    if (known === undefined) throw new TypeError(`no function ${callee.name}`);
    hosts.set(callee, known);
    return known;
  }

  #endable(call: PlainFunction): PlainFunction {
    return (args) => {
      if (this.#ended !== undefined) throw this.#ended.reason;
      const result = call(args);
      if (!(result instanceof Promise)) return result;
      const { promise, resolve, reject } = Promise.withResolvers();
      this.#waiting.add(reject);
      result.then(resolve, reject)
        .finally(() => this.#waiting.delete(reject));
      return promise;
    };
  }

  #shape(callee: ComponentFunction): CallShape {
    const { shapes } = this.#code;
    const known = shapes.get(callee) ?? new CallShape(callee.type);
    shapes.set(callee, known);
    return known;
  }

  #memory(options: BoundOptions): CanonMemory {
    const { memory, realloc, part } = options;
    const core = memory === undefined ? undefined : this.#core(memory);
    const handles = this.#handles[part];
    if (handles === undefined) throw new TypeError(`no part ${part}`);
    return new CanonMemory(options, {
      memory: core instanceof WebAssembly.Memory ? core : undefined,
      realloc: realloc && this.#coreFunction(realloc),
      handles,
    });
  }

  #coreFunction(item: CoreItem): (...args: FlatValue[]) => number {
    const value = this.#core(item);
    if (typeof value !== "function") {
      throw new TypeError("a core export is no function");
    }
    return value as (...args: FlatValue[]) => number;
  }
}

/** As `Object.fromEntries`, without a pair for each: a server makes an instance for each request. */
function named<Item, Value>(
  items: readonly (readonly [name: string, item: Item])[],
  make: (item: Item) => Value,
): Record<string, Value> {
  const all: Record<string, Value> = Object.create(null);
  for (const [name, item] of items) all[name] = make(item);
  return all;
}
