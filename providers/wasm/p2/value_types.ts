import type { Primitive } from "./component_definitions.ts";

/** A type of values, with all that it refers to. */
export type ValueType =
  | { readonly kind: "primitive"; readonly primitive: Primitive }
  | {
    readonly kind: "record";
    readonly fields: readonly (readonly [string, ValueType])[];
  }
  | {
    readonly kind: "variant";
    readonly cases: readonly (readonly [string, ValueType | undefined])[];
  }
  | { readonly kind: "list"; readonly element: ValueType }
  | { readonly kind: "tuple"; readonly types: readonly ValueType[] }
  | { readonly kind: "flags"; readonly names: readonly string[] }
  | { readonly kind: "enum"; readonly names: readonly string[] }
  | { readonly kind: "option"; readonly some: ValueType }
  | {
    readonly kind: "result";
    readonly ok: ValueType | undefined;
    readonly err: ValueType | undefined;
  }
  | { readonly kind: "own" | "borrow"; readonly resource: ResourceType };

/** The type of a resource: the same resource is the same object. */
export interface ResourceType {
  readonly kind: "resource";
  /** The part of the component that defines it; undefined for the host's. */
  readonly owner: number | undefined;
  /** Of the host's: its interface without the version, and its name. */
  readonly name?: string;
  /** Called with what the owner has instead of it, when nobody has it any more. */
  readonly destructor: CoreItem | undefined;
}

/** A function of a component. */
export interface FunctionType {
  readonly kind: "function";
  readonly parameters: readonly (readonly [string, ValueType])[];
  readonly result: ValueType | undefined;
}

/** Something that comes to be with an instance of a core module, or that is made for one. */
export type CoreItem =
  | {
    readonly kind: "export";
    /** Which of the core instances of a component, in the order in which they come to be. */
    readonly instance: number;
    readonly name: string;
  }
  | {
    readonly kind: "lower";
    readonly callee: ComponentFunction;
    readonly options: BoundOptions;
  }
  | {
    readonly kind: "resource";
    readonly action: "new" | "drop" | "rep";
    readonly resource: ResourceType;
    /** The part of the component that asks. */
    readonly part: number;
  };

/** The memory and the functions through which values get in and out. */
export interface BoundOptions {
  /** The part of the component that has the memory. */
  readonly part: number;
  readonly encoding: "utf8" | "utf16" | "latin1+utf16";
  readonly memory: CoreItem | undefined;
  readonly realloc: CoreItem | undefined;
  readonly postReturn: CoreItem | undefined;
}

/** A function of a component that can be called: the host's, or one that a core module has. */
export type ComponentFunction =
  | {
    readonly kind: "host";
    readonly type: FunctionType;
    /** The name of the interface without a version, and that of the function in it. */
    readonly from: string;
    readonly name: string;
  }
  | {
    readonly kind: "lift";
    readonly type: FunctionType;
    readonly core: CoreItem;
    readonly options: BoundOptions;
  };
