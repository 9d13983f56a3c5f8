import { ConfigError } from "../async/config_error.ts";

/** Whether an object with these labels is meant. */
export type LabelSelector = (
  labels: Readonly<Record<string, string>>,
) => boolean;

/**
 * Reads a label selector: `app=web`, `tier!=db`, `env in (dev, test)`, `env notin (prod)`, `app`,
 * `!app`; several of them, between commas, must all be true.
 *
 * @throws {ConfigError} When `text` is none.
 */
export function parseLabelSelector(text: string): LabelSelector {
  const requirements = split(text).map(requirement);
  return (labels) => requirements.every((isMet) => isMet(labels));
}

/** At commas outside of parentheses. */
function split(text: string): readonly string[] {
  return text.split(/,(?![^(]*\))/).map((part) => part.trim())
    .filter((part) => part !== "");
}

const key = "[A-Za-z0-9](?:[-./_A-Za-z0-9]*[A-Za-z0-9])?";
const equality = new RegExp(`^(${key})\\s*(==?|!=)\\s*([-._A-Za-z0-9]*)$`);
const membership = new RegExp(`^(${key})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const existence = new RegExp(`^(!?)\\s*(${key})$`);

function requirement(text: string): LabelSelector {
  const [, equalKey = "", operator, value] = equality.exec(text) ?? [];
  if (operator !== undefined) {
    return operator === "!="
      ? (labels) => labels[equalKey] !== value
      : (labels) => labels[equalKey] === value;
  }
  const [, setKey = "", set, list = ""] = membership.exec(text) ?? [];
  if (set !== undefined) {
    const values = list.split(",").map((value) => value.trim());
    return (labels) => {
      const label = labels[setKey];
      const isIn = label !== undefined && values.includes(label);
      return set === "in" ? isIn : !isIn;
    };
  }
  const [, negation, name = ""] = existence.exec(text) ?? [];
  if (negation === undefined) {
    throw new ConfigError(
      `Cannot use selector "${text}": expected KEY=VALUE, KEY!=VALUE, KEY in (VALUE, …), KEY notin (VALUE, …), KEY or !KEY`,
    );
  }
  return (labels) => Object.hasOwn(labels, name) === (negation === "");
}
