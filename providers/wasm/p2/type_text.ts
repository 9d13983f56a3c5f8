import type { FunctionType, ValueType } from "./value_types.ts";

/**
 * A function's type as text: the same for two of them only if their values are. What is larger than
 * any type of WASI, or has names that are none, is cut short by question marks.
 */
export function functionText({ parameters, result }: FunctionType): string {
  const budget = { types: mostTypes };
  const taken = parameters.map(([, type]) => typeText(type, budget));
  const given = result === undefined ? "" : `->${typeText(result, budget)}`;
  return `(${taken})${given}`;
}

interface Budget {
  types: number;
}

/** The names of fields and cases count, as the host goes by them; those of types do not. */
function typeText(type: ValueType | undefined, budget: Budget): string {
  // A type that has the one before it twice, and so on, is very large.
  if (--budget.types < 0) return "?";
  const named = (
    [name, type]: readonly [string, ValueType | undefined],
  ) => `${plain(name)}:${typeText(type, budget)}`;
  switch (type?.kind) {
    case undefined:
      return "_";
    case "primitive":
      return type.primitive;
    case "record":
      return `record{${type.fields.map(named)}}`;
    case "variant":
      return `variant{${type.cases.map(named)}}`;
    case "list":
      return `list<${typeText(type.element, budget)}>`;
    case "tuple":
      return `tuple<${type.types.map((each) => typeText(each, budget))}>`;
    case "flags":
    case "enum":
      return `${type.kind}{${type.names.map(plain)}}`;
    case "option":
      return `option<${typeText(type.some, budget)}>`;
    case "result":
      return `result<${typeText(type.ok, budget)},${
        typeText(type.err, budget)
      }>`;
    case "own":
    case "borrow":
      return `${type.kind}<${type.resource.name ?? "a guest's own"}>`;
  }
}

/** A name that is none could be made to look like several. */
function plain(name: string): string {
  return /^[A-Za-z][A-Za-z0-9-]*$/.test(name) ? name : "?";
}

/** Some three times as many as the largest of WASI 0.2 has. */
const mostTypes = 500;
