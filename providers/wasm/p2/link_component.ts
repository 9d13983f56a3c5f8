import { MalformedModuleError } from "../wasm_reader.ts";
import type {
  CanonOptions,
  ComponentBody,
  Definition,
  Reference,
} from "./component_definitions.ts";
import { type Item, Scope } from "./link_scope.ts";
import { hostInstance, resolveType } from "./resolve_types.ts";
import type { BoundOptions, CoreItem } from "./value_types.ts";

/** A component whose parts know each other: what is left is to make instances of its core modules. */
export interface ComponentProgram {
  /** Core modules, as they are in the component. */
  readonly modules: readonly Uint8Array<ArrayBuffer>[];
  /** What is to be instantiated, in order; a {@linkcode CoreItem} refers to it by number. */
  readonly steps: readonly CoreStep[];
  readonly exports: ReadonlyMap<string, Item>;
  /** All functions of the host that are called. */
  readonly calls: readonly Extract<CoreItem, { readonly kind: "lower" }>[];
  /** How many components there are: itself, and those in it. */
  readonly parts: number;
}

/** An instance of a core module that is to be. */
export interface CoreStep {
  readonly module: number;
  readonly imports: readonly (readonly [string, CoreImport])[];
}

/** What a core module gets under one name: an instance that is there, or what is listed. */
export type CoreImport =
  | { readonly kind: "instance"; readonly instance: number }
  | {
    readonly kind: "items";
    readonly items: readonly (readonly [string, CoreItem])[];
  };

/** Links a component with itself; throws a `MalformedModuleError` where it is not whole. */
export function linkComponent(body: ComponentBody): ComponentProgram {
  const linker = new Linker();
  const exports = linker.link(body, undefined, undefined);
  const { modules, steps, calls, parts } = linker;
  return { modules, steps, exports, calls, parts };
}

class Linker {
  readonly modules: Uint8Array<ArrayBuffer>[] = [];
  readonly steps: CoreStep[] = [];
  readonly calls: Extract<CoreItem, { readonly kind: "lower" }>[] = [];
  parts = 0;
  readonly #moduleNumbers = new Map<Uint8Array, number>();

  /** @param given What a component gets from the one that it is in; undefined: the host's. */
  link(
    { definitions }: ComponentBody,
    outer: Scope | undefined,
    given: ReadonlyMap<string, Item> | undefined,
  ): ReadonlyMap<string, Item> {
    const scope = new Scope(outer, this.parts++);
    const exports = new Map<string, Item>();
    for (const definition of definitions) {
      this.#define(definition, scope, given, exports);
    }
    return exports;
  }

  #define(
    definition: Definition,
    scope: Scope,
    given: ReadonlyMap<string, Item> | undefined,
    exports: Map<string, Item>,
  ): void {
    switch (definition.kind) {
      case "coreModule": {
        const { bytes } = definition;
        const known = this.#moduleNumbers.get(bytes);
        const module = known ?? this.modules.push(bytes) - 1;
        this.#moduleNumbers.set(bytes, module);
        return scope.add({ kind: "coreModule", module });
      }
      case "coreInstance": {
        const imports = definition.args.map(([name, index]) =>
          [name, scope.coreInstance(index)] as const
        );
        const { module } = scope.get("coreModule", definition.module);
        const instance = this.steps.push({ module, imports }) - 1;
        return scope.addCoreInstance({ kind: "instance", instance });
      }
      case "coreExports":
        return scope.addCoreInstance({
          kind: "items",
          items: definition.exports.map(([name, { sort, index }]) =>
            [name, scope.core(sort, index)] as const
          ),
        });
      case "coreType":
        return;
      case "component": {
        const { component } = definition;
        return scope.add({ kind: "component", body: component, outer: scope });
      }
      case "instance": {
        const { body, outer } = scope.get("component", definition.component);
        const args = itemsOf(scope, definition.args);
        const items = this.link(body, outer, args);
        return scope.add({ kind: "instance", items });
      }
      case "exports": {
        const items = itemsOf(scope, definition.exports);
        return scope.add({ kind: "instance", items });
      }
      case "coreAlias":
        return scope.addCore(
          definition.sort,
          coreExport(scope, definition.instance, definition.name),
        );
      case "alias":
      case "outerAlias":
        return scope.addAlias(definition);
      case "type":
        return scope.add({
          kind: "type",
          type: resolveType(definition.type, scope),
        });
      case "lift": {
        const { type } = scope.get("type", definition.type);
        if (type.kind !== "function") throw wrong("a function has no type");
        return scope.add({
          kind: "function",
          function: {
            kind: "lift",
            type,
            core: scope.core("coreFunction", definition.core),
            options: bind(definition.options, scope),
          },
        });
      }
      case "lower": {
        const callee = scope.get("function", definition.function).function;
        const options = bind(definition.options, scope);
        const lower: CoreItem = { kind: "lower", callee, options };
        this.calls.push(lower);
        return scope.addCore("coreFunction", lower);
      }
      case "resource": {
        const { action } = definition;
        const { type } = scope.get("type", definition.type);
        if (type.kind !== "resource") throw wrong("it is no resource");
        const { part } = scope;
        if (action !== "drop" && type.owner !== part) {
          throw wrong(`it calls resource.${action} of a resource not its own`);
        }
        return scope.addCore("coreFunction", {
          ...{ kind: "resource", action, resource: type, part },
        });
      }
      case "import": {
        const { name, description } = definition;
        const item = given === undefined
          ? hostInstance(name, description, scope)
          : given.get(name);
        if (item === undefined) throw wrong(`"${name}" is not given`);
        return scope.add(item);
      }
      case "export": {
        const item = scope.get(
          definition.reference.sort,
          definition.reference.index,
        );
        exports.set(definition.name, item);
        return scope.add(item);
      }
    }
  }
}

function itemsOf(
  scope: Scope,
  references: readonly (readonly [string, Reference])[],
): ReadonlyMap<string, Item> {
  return new Map(
    references.map(([name, { sort, index }]) => [name, scope.get(sort, index)]),
  );
}

function coreExport(scope: Scope, index: number, name: string): CoreItem {
  const found = scope.coreInstance(index);
  switch (found.kind) {
    case "instance":
      return { kind: "export", instance: found.instance, name };
    case "items": {
      const [, item] = found.items.find(([each]) => each === name) ?? [];
      if (item !== undefined) return item;
      throw wrong(`there is no core export "${name}"`);
    }
  }
}

function bind(options: CanonOptions, scope: Scope): BoundOptions {
  const { encoding, memory, realloc, postReturn } = options;
  const functionAt = (index: number | undefined) =>
    index === undefined ? undefined : scope.core("coreFunction", index);
  return {
    part: scope.part,
    encoding,
    memory: memory === undefined ? undefined : scope.core("coreMemory", memory),
    realloc: functionAt(realloc),
    postReturn: functionAt(postReturn),
  };
}

function wrong(why: string): MalformedModuleError {
  return new MalformedModuleError(why);
}
