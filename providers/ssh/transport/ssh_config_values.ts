import { userInfo } from "node:os";
import SshConfigFile, { type Directive, type Line } from "ssh-config";
import { matchesPatterns } from "./known_hosts.ts";

/** Whom the values of {@linkcode sshConfigValues} are for. */
export interface ConfigSubject {
  readonly alias: string;
  /** Who logs in, where that is said elsewhere. */
  readonly user?: string | undefined;
}

type Values = Map<string, readonly string[]>;

/** Keywords whose values are all kept; of the others the first counts. */
const repeatable = ["identityfile", "certificatefile"];

/**
 * The values of every keyword, in lower case and in the order of their first appearance, that
 * apply to a host (ssh_config(5)): sections Host, and Match with all, final, host, originalhost,
 * user and localuser.
 *
 * @throws {Error} When the text cannot be parsed, or which section applies depends on what farlet
 * does not look at (`Match exec`, `tagged`, …).
 */
export function sshConfigValues(
  text: string,
  subject: ConfigSubject,
): ReadonlyMap<string, readonly string[]> {
  const lines = SshConfigFile.parse(text);
  const values: Values = new Map();
  if (subject.user !== undefined) values.set("user", [subject.user]);
  const isFinal = walk(lines, values, subject, false);
  if (isFinal) walk(lines, values, subject, true);
  return values;
}

/** Takes what applies; says whether some of it waits for a final pass. */
function walk(
  lines: Iterable<Line>,
  values: Values,
  subject: ConfigSubject,
  isFinalPass: boolean,
): boolean {
  let wantsFinal = false;
  for (const line of lines) {
    if (!("param" in line)) continue;
    const keyword = line.param.toLowerCase();
    if (keyword === "host") {
      const host = isFinalPass ? hostName(values, subject) : subject.alias;
      // Each word is one pattern, with commas and all.
      if (!matchesPatterns(words(line), host)) continue;
    } else if (keyword === "match") {
      const criteria = words(line);
      wantsFinal ||= criteria.some((word) => /^!?final$/i.test(word));
      if (!matches(criteria, values, subject, isFinalPass)) continue;
    } else {
      take(line, values);
      continue;
    }
    const inner = "config" in line ? line.config : [];
    for (const each of inner) take(each, values);
  }
  return wantsFinal;
}

function take(line: Line, values: Values): void {
  if (!("param" in line)) return;
  const keyword = line.param.toLowerCase();
  const before = values.get(keyword);
  if (before === undefined) values.set(keyword, words(line));
  else if (repeatable.includes(keyword)) {
    const added = words(line).filter((word) => !before.includes(word));
    values.set(keyword, [...before, ...added]);
  }
}

function matches(
  criteria: readonly string[],
  values: Values,
  subject: ConfigSubject,
  isFinalPass: boolean,
): boolean {
  const rest = [...criteria];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const isNegated = word.startsWith("!");
    const kind = (isNegated ? word.slice(1) : word).toLowerCase();
    const applies = isUnconditional(kind, isFinalPass) ??
      matchesPatterns(
        (rest.shift() ?? "").split(","),
        subjectOf(kind, values, subject),
      );
    if (applies === isNegated) return false;
  }
  return true;
}

/** The criteria without patterns; undefined for the others. farlet canonicalizes no names. */
function isUnconditional(
  kind: string,
  isFinalPass: boolean,
): boolean | undefined {
  if (kind === "all") return true;
  if (kind === "final") return isFinalPass;
  return kind === "canonical" ? false : undefined;
}

function subjectOf(
  kind: string,
  values: Values,
  subject: ConfigSubject,
): string {
  switch (kind) {
    case "host":
      return hostName(values, subject);
    case "originalhost":
      return subject.alias;
    case "user":
      return values.get("user")?.[0] ?? userInfo().username;
    case "localuser":
      return userInfo().username;
    case "exec":
      throw new Error(
        "farlet runs no commands to find out about hosts (Match exec)",
      );
    default:
      throw new Error(`farlet does not know "Match ${kind}"`);
  }
}

function hostName(values: Values, { alias }: ConfigSubject): string {
  const name = values.get("hostname")?.[0] ?? alias;
  return name.replaceAll("%h", alias).replaceAll("%%", "%");
}

function words({ value }: Directive): readonly string[] {
  return typeof value === "string" ? [value] : value.map(({ val }) => val);
}
