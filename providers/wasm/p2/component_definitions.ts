/**
 * What a component consists of, as its binary says it, in order: each definition adds to one of the
 * index spaces of its component, which later ones refer to by number.
 * https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md
 */
export type Definition =
  | {
    readonly kind: "coreModule";
    readonly bytes: Uint8Array<ArrayBuffer>;
  }
  | {
    readonly kind: "coreInstance";
    readonly module: number;
    /** Instances of core modules, by the name of the module that is imported. */
    readonly args: readonly (readonly [string, number])[];
  }
  | {
    readonly kind: "coreExports";
    readonly exports: readonly (readonly [string, CoreReference])[];
  }
  | { readonly kind: "coreType" }
  | { readonly kind: "component"; readonly component: ComponentBody }
  | {
    readonly kind: "instance";
    readonly component: number;
    readonly args: readonly (readonly [string, Reference])[];
  }
  | {
    readonly kind: "exports";
    readonly exports: readonly (readonly [string, Reference])[];
  }
  | AliasDefinition
  | { readonly kind: "type"; readonly type: TypeDefinition }
  | {
    readonly kind: "lift";
    readonly core: number;
    readonly options: CanonOptions;
    readonly type: number;
  }
  | {
    readonly kind: "lower";
    readonly function: number;
    readonly options: CanonOptions;
  }
  | {
    readonly kind: "resource";
    readonly action: "new" | "drop" | "rep";
    readonly type: number;
  }
  | {
    readonly kind: "import";
    readonly name: string;
    readonly description: ExternDescription;
  }
  | {
    readonly kind: "export";
    readonly name: string;
    readonly reference: Reference;
  };

/** What takes something out of an instance, or out of a component that this one is in. */
export type AliasDefinition =
  | {
    readonly kind: "alias";
    readonly sort: Sort;
    readonly instance: number;
    readonly name: string;
  }
  | {
    readonly kind: "coreAlias";
    readonly sort: CoreSort;
    readonly instance: number;
    readonly name: string;
  }
  | {
    readonly kind: "outerAlias";
    readonly sort: Sort | "coreModule" | "coreType";
    /** How many components further out. */
    readonly depth: number;
    readonly index: number;
  };

/** A component, with what is in it. */
export interface ComponentBody {
  readonly definitions: readonly Definition[];
}

export type CoreSort =
  | "coreFunction"
  | "coreTable"
  | "coreMemory"
  | "coreGlobal";

export type Sort =
  | "coreModule"
  | "function"
  | "type"
  | "component"
  | "instance";

export interface CoreReference {
  readonly sort: CoreSort;
  readonly index: number;
}

export interface Reference {
  readonly sort: Sort;
  readonly index: number;
}

/** How values get through between a core function and one of a component. */
export interface CanonOptions {
  readonly encoding: "utf8" | "utf16" | "latin1+utf16";
  /** Of the index spaces of core memories and functions. */
  readonly memory?: number;
  readonly realloc?: number;
  readonly postReturn?: number;
}

export type ExternDescription =
  | { readonly kind: "coreModule" }
  | {
    readonly kind: "function" | "component" | "instance";
    readonly type: number;
  }
  | { readonly kind: "typeIs"; readonly type: number }
  | { readonly kind: "newResource" };

/** A type of values: one without parts, or one of the index space of types. */
export type ValueReference =
  | { readonly kind: "primitive"; readonly primitive: Primitive }
  | { readonly kind: "index"; readonly index: number };

export type Primitive =
  | "bool"
  | "s8"
  | "u8"
  | "s16"
  | "u16"
  | "s32"
  | "u32"
  | "s64"
  | "u64"
  | "f32"
  | "f64"
  | "char"
  | "string";

type NamedValue = readonly [name: string, type: ValueReference];

export type TypeDefinition =
  | { readonly kind: "value"; readonly type: ValueReference }
  | { readonly kind: "record"; readonly fields: readonly NamedValue[] }
  | {
    readonly kind: "variant";
    readonly cases: readonly (readonly [string, ValueReference | undefined])[];
  }
  | { readonly kind: "list"; readonly element: ValueReference }
  | { readonly kind: "tuple"; readonly types: readonly ValueReference[] }
  | { readonly kind: "flags"; readonly names: readonly string[] }
  | { readonly kind: "enum"; readonly names: readonly string[] }
  | { readonly kind: "option"; readonly some: ValueReference }
  | {
    readonly kind: "result";
    readonly ok: ValueReference | undefined;
    readonly err: ValueReference | undefined;
  }
  | { readonly kind: "own" | "borrow"; readonly resource: number }
  | {
    readonly kind: "function";
    readonly parameters: readonly NamedValue[];
    readonly result: ValueReference | undefined;
  }
  | { readonly kind: "resource"; readonly destructor: number | undefined }
  /** The types of an instance or a component: what it has, in order. */
  | {
    readonly kind: "instanceType";
    readonly declarations: readonly Declaration[];
  }
  | { readonly kind: "componentType" };

/** One line of the type of an instance. */
export type Declaration =
  | Extract<Definition, { readonly kind: "type" | "coreType" }>
  | AliasDefinition
  | {
    readonly kind: "declared";
    readonly name: string;
    readonly description: ExternDescription;
  };
