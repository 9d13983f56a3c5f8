import type { Pod } from "../k8s/types.ts";
import type { Refusal } from "./provider.ts";

/**
 * What becomes of a field: it does what the API says (`ok`), or as good as that in another way
 * (`emulated`); the pod is `refused`, or runs without it and a warning says so (`ignored`); what
 * comes of it `depends` on its value or on the machine, as the note says; or it is read
 * `elsewhere`, by the scheduler, the API server or controllers, and none of a node's business.
 */
export type Support =
  | "ok"
  | "emulated"
  | "refused"
  | "ignored"
  | "depends"
  | "elsewhere";

/** What becomes of a field, and what its user should know of that. */
export interface FieldSupport {
  readonly support: Support;
  /** A short sentence without the field's name; the message of a refusal or warning. */
  readonly note?: string;
  /** Values that are neither refused nor ignored: they ask for what is the case anyway. */
  readonly unless?: readonly (string | boolean)[];
}

/** A row of the table of pod fields. */
export interface FieldRule extends FieldSupport {
  /**
   * Paths of the API such as `spec.volumes[].name`, with `[]` for each item of a list and `{}` for
   * each value of a map. `{a,b}` stands for either, `container.` for each of the three lists of
   * containers, and `.*` at the end for the field and all below it.
   */
  readonly field: string;
}

/** How a provider differs from the general rules, by their `field`. */
export type FieldColumn = Readonly<Record<string, FieldSupport>>;

/** A column as rules of its own. */
export function columnRules(column: FieldColumn): readonly FieldRule[] {
  return Object.entries(column).map(([field, rule]) => ({ field, ...rule }));
}

const containerLists = "spec.{containers,initContainers,ephemeralContainers}[]";

/** The paths that a rule's `field` stands for; `.*` stays. */
export function expandField(field: string): readonly string[] {
  const full = field.replace(/^container\./, `${containerLists}.`);
  const [, before, choices, after] = /^(.*?)\{([^{}]+)\}(.*)$/.exec(full) ?? [];
  if (choices === undefined) return [full];
  return choices.split(",").flatMap((choice) =>
    expandField(`${before}${choice}${after}`)
  );
}

/** Which fields of a pod the rules refuse, or ignore, with the paths that the pod has. */
export class FieldFinder {
  readonly #paths: readonly {
    readonly parts: readonly string[];
    readonly rule: FieldRule;
  }[];

  constructor(rules: readonly FieldRule[], support: "refused" | "ignored") {
    this.#paths = rules.filter((rule) => rule.support === support)
      .flatMap((rule) =>
        expandField(rule.field).map((path) => ({
          parts: path.replace(/\.\*$/, "").split("."),
          rule,
        }))
      );
  }

  find(pod: Pod): readonly Refusal[] {
    return this.#paths.flatMap(({ parts, rule: { note = "", unless = [] } }) =>
      valuesAt(pod, parts, "")
        .filter(([, value]) => isSet(value) && !includes(unless, value))
        .map(([field]) => ({ field, message: note }))
    );
  }
}

/** Whether the pod says anything there: neither null nor an empty list or map. */
export function isSet(value: unknown): boolean {
  if (value === undefined || value === null) return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}

function includes(values: readonly unknown[], value: unknown): boolean {
  return values.includes(value);
}

/** Every value below `value` at the path of the parts, with its own path. */
function valuesAt(
  value: unknown,
  [part, ...rest]: readonly string[],
  at: string,
): readonly (readonly [path: string, value: unknown])[] {
  if (part === undefined) return [[at, value]];
  const [, name = "", kind] = /^(.*?)(\[\]|\{\})?$/.exec(part) ?? [];
  const inner = (value as Readonly<Record<string, unknown>> | null)?.[name];
  if (inner === undefined || inner === null) return [];
  const path = at === "" ? name : `${at}.${name}`;
  switch (kind) {
    case undefined:
      return valuesAt(inner, rest, path);
    case "[]":
      // A list that is refused is refused as a whole.
      if (rest.length === 0) return [[path, inner]];
      return (inner as readonly unknown[]).flatMap((item, index) =>
        valuesAt(item, rest, `${path}[${index}]`)
      );
    default:
      return Object.entries(inner).flatMap(([key, item]) =>
        valuesAt(item, rest, `${path}[${key}]`)
      );
  }
}
