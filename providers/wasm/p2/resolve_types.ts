import { MalformedModuleError } from "../wasm_reader.ts";
import type {
  Declaration,
  ExternDescription,
  TypeDefinition,
  ValueReference,
} from "./component_definitions.ts";
import { interfaceName } from "./interface_name.ts";
import { type Item, Scope, type Type } from "./link_scope.ts";
import type { FunctionType, ResourceType, ValueType } from "./value_types.ts";

/** The type that a definition makes. */
export function resolveType(definition: TypeDefinition, scope: Scope): Type {
  const value = (reference: ValueReference) => valueType(reference, scope);
  const optional = (reference: ValueReference | undefined) =>
    reference === undefined ? undefined : value(reference);
  switch (definition.kind) {
    case "value":
      return value(definition.type);
    case "record":
      return {
        kind: "record",
        fields: definition.fields.map(([name, type]) => [name, value(type)]),
      };
    case "variant":
      return {
        kind: "variant",
        cases: definition.cases.map(([name, type]) => [name, optional(type)]),
      };
    case "list":
      return { kind: "list", element: value(definition.element) };
    case "tuple":
      return { kind: "tuple", types: definition.types.map(value) };
    case "flags":
    case "enum":
      return definition;
    case "option":
      return { kind: "option", some: value(definition.some) };
    case "result":
      return {
        kind: "result",
        ok: optional(definition.ok),
        err: optional(definition.err),
      };
    case "own":
    case "borrow": {
      const { type } = scope.get("type", definition.resource);
      if (type.kind !== "resource") throw wrong("a handle of no resource");
      return { kind: definition.kind, resource: type };
    }
    case "function":
      return {
        kind: "function",
        parameters: definition.parameters.map(([name, type]) =>
          [name, value(type)] as const
        ),
        result: optional(definition.result),
      };
    case "resource": {
      const { destructor } = definition;
      return {
        kind: "resource",
        owner: scope.part,
        destructor: destructor === undefined
          ? undefined
          : scope.core("coreFunction", destructor),
      };
    }
    case "instanceType":
      return {
        kind: "instanceType",
        declarations: definition.declarations,
        outer: scope,
      };
    case "componentType":
      return { kind: "componentType" };
  }
}

/** What the host gives for an import of the whole component. */
export function hostInstance(
  name: string,
  description: ExternDescription,
  scope: Scope,
): Item {
  const place = { from: interfaceName(name), name };
  return hostItem(place, description, scope);
}

/** @param place The interface, and what of it this is. */
function hostItem(
  place: { readonly from: string; readonly name: string },
  description: ExternDescription,
  scope: Scope,
): Item {
  switch (description.kind) {
    case "function": {
      const { type } = scope.get("type", description.type);
      if (type.kind !== "function") throw wrong("a function has no type");
      return { kind: "function", function: { kind: "host", type, ...place } };
    }
    case "typeIs":
      return scope.get("type", description.type);
    case "newResource": {
      const type: ResourceType = {
        kind: "resource",
        owner: undefined,
        name: `${place.from}#${place.name}`,
        destructor: undefined,
      };
      return { kind: "type", type };
    }
    case "instance": {
      const { type } = scope.get("type", description.type);
      if (type.kind !== "instanceType") throw wrong("an instance has no type");
      const inner = new Scope(type.outer, type.outer.part);
      return {
        kind: "instance",
        items: declaredItems(place.from, type.declarations, inner),
      };
    }
    case "component":
    case "coreModule":
      throw wrong(`it imports a ${description.kind}, "${place.name}"`);
  }
}

function declaredItems(
  from: string,
  declarations: readonly Declaration[],
  scope: Scope,
): ReadonlyMap<string, Item> {
  const items = new Map<string, Item>();
  for (const declaration of declarations) {
    switch (declaration.kind) {
      case "type":
        scope.add({
          kind: "type",
          type: resolveType(declaration.type, scope),
        });
        break;
      case "alias":
      case "outerAlias":
        scope.addAlias(declaration);
        break;
      case "declared": {
        const { name, description } = declaration;
        const item = hostItem({ from, name }, description, scope);
        scope.add(item);
        items.set(name, item);
        break;
      }
      case "coreType":
      case "coreAlias":
        break;
    }
  }
  return items;
}

function valueType(reference: ValueReference, scope: Scope): ValueType {
  if (reference.kind === "primitive") return reference;
  const { type } = scope.get("type", reference.index);
  if (isValueType(type)) return type;
  throw wrong("a value has a type that is not one of values");
}

function isValueType(type: Type): type is ValueType {
  const others: readonly Type["kind"][] = [
    ...["function", "resource", "instanceType", "componentType"] as const,
  ];
  return !others.includes(type.kind);
}

/** Types of what a function takes, together. */
export function parametersType({ parameters }: FunctionType): ValueType {
  return { kind: "tuple", types: parameters.map(([, type]) => type) };
}

function wrong(why: string): MalformedModuleError {
  return new MalformedModuleError(why);
}
