import { ConfigError } from "../../../async/config_error.ts";

/** Where a target is, as far as its address says. */
export interface TargetAddress {
  /** A name, an address without brackets, or an alias of an SSH configuration. */
  readonly host: string;
  readonly user?: string;
  readonly port?: number;
}

/** More hosts than one agent should have are a slip of the pen. */
const mostTargets = 256;
const range = /^(\d{1,9})\.\.(\d{1,9})$/;

/**
 * Reads `ssh://user@host:port`, `user@host:port` or an alias; IPv6 addresses are in brackets.
 *
 * @throws {ConfigError} For anything else, and for an address with a password in it.
 */
export function parseTargetAddress(text: string): TargetAddress {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== "ssh") {
    throw bad(text, `its scheme is ${scheme}, and hosts are reached by ssh`);
  }
  const rest = text.replace(/^ssh:\/\//i, "").replace(/\/$/, "");
  const [, user, host6, host4, port] =
    /^(?:([^@/]*)@)?(?:\[([0-9A-Fa-f:.]+(?:%\w+)?)\]|([^@/:[\]]+))(?::(\d+))?$/
      .exec(rest) ?? [];
  const host = host6 ?? host4;
  if (user?.includes(":")) {
    // The message must not repeat it.
    throw new ConfigError(
      "Cannot use a target with a password in it: name a file with --password-file",
    );
  }
  if (host === undefined || /[\s{}]|^-/.test(rest) || user === "") {
    throw bad(text, "expected ssh://user@host:port, with IPv6 in brackets");
  }
  if (user?.startsWith("-")) throw bad(text, "a user's name has no - in front");
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) {
    throw bad(text, "a port is from 1 to 65535");
  }
  return {
    host,
    ...(user === undefined ? {} : { user }),
    ...(port === undefined ? {} : { port: Number(port) }),
  };
}

/**
 * Writes out what is in braces as shells do: `10.0.0.{11..13}`, `pi-{01..12}`, `{a,b}.example.com`.
 * Text without braces is itself. At most 256 targets.
 */
export function expandTargets(text: string): readonly string[] {
  const expanded = expand(text, text);
  if (expanded.length > mostTargets) {
    throw bad(text, `these are more than ${mostTargets} hosts`);
  }
  return expanded;
}

function expand(text: string, whole: string): readonly string[] {
  const open = text.indexOf("{");
  if (open < 0) {
    if (text.includes("}")) throw bad(whole, "a { is missing before a }");
    return [text];
  }
  const close = text.indexOf("}", open);
  if (close < 0) throw bad(whole, "a } is missing after a {");
  const inner = text.slice(open + 1, close);
  const before = text.slice(0, open);
  const choices = rangeOf(inner) ?? inner.split(",");
  if (choices.length < 2 && rangeOf(inner) === undefined) {
    throw bad(whole, "in braces stands a range {11..30} or a list {a,b}");
  }
  const rests = expand(text.slice(close + 1), whole);
  if (choices.length * rests.length > mostTargets) {
    throw bad(whole, `these are more than ${mostTargets} hosts`);
  }
  return choices.flatMap((choice) =>
    rests.map((rest) => `${before}${choice}${rest}`)
  );
}

/** The numbers of a range, as wide as its ends are where one of them begins with a 0. */
function rangeOf(text: string): readonly string[] | undefined {
  const [, first, last] = range.exec(text) ?? [];
  if (first === undefined || last === undefined) return undefined;
  const padded = [first, last].some((end) => /^0\d/.test(end));
  const width = padded ? Math.max(first.length, last.length) : 0;
  const count = Math.abs(Number(last) - Number(first)) + 1;
  if (count > mostTargets) throw bad(text, `more than ${mostTargets} hosts`);
  const step = Number(first) <= Number(last) ? 1 : -1;
  return Array.from(
    { length: count },
    (_, i) => String(Number(first) + i * step).padStart(width, "0"),
  );
}

function bad(text: string, why: string): ConfigError {
  return new ConfigError(`Cannot use target "${text}": ${why}`);
}
