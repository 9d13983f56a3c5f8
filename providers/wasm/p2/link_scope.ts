import { MalformedModuleError } from "../wasm_reader.ts";
import type {
  AliasDefinition,
  ComponentBody,
  CoreSort,
  Declaration,
  Sort,
} from "./component_definitions.ts";
import type { CoreImport } from "./link_component.ts";
import type {
  ComponentFunction,
  CoreItem,
  FunctionType,
  ResourceType,
  ValueType,
} from "./value_types.ts";

/** What an index space of a component has at a place. */
export type Item =
  | { readonly kind: "coreModule"; readonly module: number }
  | { readonly kind: "function"; readonly function: ComponentFunction }
  | { readonly kind: "type"; readonly type: Type }
  | {
    readonly kind: "component";
    readonly body: ComponentBody;
    readonly outer: Scope;
  }
  | { readonly kind: "instance"; readonly items: ReadonlyMap<string, Item> };

/** What an index space of types has. */
export type Type =
  | ValueType
  | FunctionType
  | ResourceType
  | {
    readonly kind: "instanceType";
    readonly declarations: readonly Declaration[];
    readonly outer: Scope;
  }
  | { readonly kind: "componentType" };

/** The index spaces of one component, or of one type of instances. */
export class Scope {
  /** Which of the components this is, itself among them. */
  readonly part: number;
  readonly #outer: Scope | undefined;
  readonly #items: Record<Sort, Item[]> = {
    coreModule: [],
    function: [],
    type: [],
    component: [],
    instance: [],
  };
  readonly #core: Record<CoreSort, CoreItem[]> = {
    coreFunction: [],
    coreTable: [],
    coreMemory: [],
    coreGlobal: [],
  };
  readonly #coreInstances: CoreImport[] = [];
  readonly #budget: { items: number };

  constructor(outer: Scope | undefined, part: number) {
    this.#outer = outer;
    this.#budget = outer === undefined ? { items: mostItems } : outer.#budget;
    this.part = part;
  }

  add(item: Item): void {
    this.#charge();
    this.#items[item.kind].push(item);
  }

  addCore(sort: CoreSort, item: CoreItem): void {
    this.#charge();
    this.#core[sort].push(item);
  }

  addCoreInstance(instance: CoreImport): void {
    this.#charge();
    this.#coreInstances.push(instance);
  }

  /** Adds what an alias that is not one of core modules stands for. */
  addAlias(alias: Exclude<AliasDefinition, { readonly kind: "coreAlias" }>) {
    if (alias.kind === "alias") {
      const { items } = this.get("instance", alias.instance);
      const item = items.get(alias.name);
      if (item === undefined) throw missing(`export "${alias.name}"`);
      return this.add(item);
    }
    if (alias.sort === "coreType") return;
    return this.add(this.#above(alias.depth).get(alias.sort, alias.index));
  }

  /** Throws a `MalformedModuleError` where there is nothing. */
  get<S extends Sort>(
    sort: S,
    index: number,
  ): Extract<Item, { readonly kind: S }> {
    const item = this.#items[sort][index];
    if (item === undefined) throw missing(`${sort} ${index}`);
    return item as Extract<Item, { readonly kind: S }>;
  }

  core(sort: CoreSort, index: number): CoreItem {
    const item = this.#core[sort][index];
    if (item === undefined) throw missing(`${sort} ${index}`);
    return item;
  }

  coreInstance(index: number): CoreImport {
    const instance = this.#coreInstances[index];
    if (instance === undefined) throw missing(`core instance ${index}`);
    return instance;
  }

  #charge(): void {
    if (--this.#budget.items >= 0) return;
    throw new MalformedModuleError("it has too many parts");
  }

  #above(depth: number): Scope {
    if (depth === 0) return this;
    if (this.#outer === undefined) throw missing("component further out");
    return this.#outer.#above(depth - 1);
  }
}

/**
 * Of all scopes of a component together, which large programs have some thousands of: each
 * component in it could have the one before it twice.
 */
const mostItems = 100_000;

function missing(what: string): MalformedModuleError {
  return new MalformedModuleError(`there is no ${what}`);
}
