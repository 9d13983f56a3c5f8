import { userInfo } from "node:os";
import { basename, dirname, isAbsolute, join } from "node:path";
import { ConfigError } from "../../../async/config_error.ts";
import { getLogger } from "../../../async/log.ts";
import { messageOf } from "../../../async/message_of.ts";
import { matchesPattern } from "./known_hosts.ts";
import { type ConfigSubject, sshConfigValues } from "./ssh_config_values.ts";

/** What an SSH configuration says of one host; what it does not say is undefined. */
export interface SshSettings {
  readonly hostName?: string;
  readonly user?: string;
  readonly port?: number;
  /** In their order, with tokens and `~` written out. */
  readonly identityFiles: readonly string[];
  /** Whether the keys of an agent are left alone. */
  readonly identitiesOnly: boolean;
  /** A socket, or `none`. */
  readonly identityAgent?: string;
  /** As it stands there; undefined for `none`. */
  readonly proxyJump?: string;
  readonly userKnownHostsFiles?: readonly string[];
}

/** What {@linkcode readSshConfig} needs to know besides the file. */
export interface SshConfigContext {
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Who logs in, where that is said elsewhere. */
  readonly user?: string;
}

const deepestInclude = 16;
const log = getLogger("ssh");

/**
 * What an SSH configuration (ssh_config(5)) says of the host `alias`: Host, Match (host,
 * originalhost, user, localuser, final, all) and Include, and the fields of {@linkcode SshSettings}.
 * Everything else is left out; host keys are always checked strictly, whatever it says.
 *
 * @throws {ConfigError} When it cannot be read, or the host is reached by a ProxyCommand or
 * `Match exec`: farlet runs no commands for it.
 */
export async function readSshConfig(
  file: string,
  alias: string,
  context: SshConfigContext,
): Promise<SshSettings> {
  const text = await readWithIncludes(file, context, 0);
  const found = computed(file, text, { alias, user: context.user });
  const one = (name: string) => found.get(name)?.[0];
  // Of the two, ssh takes the one that it reads first.
  const proxy = [...found.keys()].find((name) =>
    /^proxy(jump|command)$/.test(name)
  );
  const isDirect = proxy === undefined || one(proxy)?.toLowerCase() === "none";
  if (proxy === "proxycommand" && !isDirect) {
    throw new ConfigError(
      `Cannot reach "${alias}" as "${file}" says: farlet runs no ProxyCommand; use ProxyJump`,
    );
  }
  if (/^(no|off|accept-new)$/i.test(one("stricthostkeychecking") ?? "")) {
    log.warn("Host keys are checked strictly, whatever the file says", {
      file,
      host: alias,
    });
  }
  const user = context.user ?? one("user");
  const port = one("port");
  const hostName = expandTokens(one("hostname") ?? alias, { h: alias });
  const tokens = {
    ...{ d: context.home, h: hostName, n: alias, p: port ?? "22" },
    ...{ r: user ?? userInfo().username, u: userInfo().username },
    ...{ L: Deno.hostname().split(".")[0] ?? "", l: Deno.hostname() },
  };
  const path = (text: string) =>
    expandPath(expandTokens(text, tokens), context);
  const agent = one("identityagent");
  const knownHosts = found.get("userknownhostsfile");
  return {
    hostName,
    ...(user === undefined ? {} : { user }),
    ...(port === undefined ? {} : { port: readPort(port, file) }),
    identityFiles: (found.get("identityfile") ?? [])
      .filter((name) => name.toLowerCase() !== "none").map(path),
    identitiesOnly: one("identitiesonly")?.toLowerCase() === "yes",
    ...(agent === undefined ? {} : { identityAgent: agentPath(agent, path) }),
    ...(isDirect ? {} : { proxyJump: one("proxyjump") ?? "" }),
    ...(knownHosts === undefined
      ? {}
      : { userKnownHostsFiles: knownHosts.map(path) }),
  };
}

function computed(
  file: string,
  text: string,
  subject: ConfigSubject,
): ReadonlyMap<string, readonly string[]> {
  try {
    return sshConfigValues(text, subject);
  } catch (cause) {
    throw new ConfigError(`Cannot use "${file}": ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** The text with that of the files that it includes in their places. */
async function readWithIncludes(
  file: string,
  context: SshConfigContext,
  depth: number,
): Promise<string> {
  let text;
  try {
    text = await Deno.readTextFile(file);
  } catch (cause) {
    throw new ConfigError(`Cannot read "${file}": ${messageOf(cause)}`, {
      cause,
    });
  }
  const lines: string[] = [];
  let section = "Host *";
  for (const line of text.split("\n")) {
    if (/^\s*(host|match)[\s=]/i.test(line)) section = line.trim();
    const [, names] = /^\s*include[\s=]+(.*)$/i.exec(line) ?? [];
    if (names === undefined) {
      lines.push(line);
      continue;
    }
    if (!/^host[\s=]+\*$/i.test(section)) {
      throw new ConfigError(
        `Cannot use "${file}": it includes files within "${section}"; put Include before the first Host`,
      );
    }
    if (depth === deepestInclude) {
      throw new ConfigError(`Cannot use "${file}": it includes itself`);
    }
    for (const included of await includedFiles(names, context)) {
      // What follows is for all hosts again.
      lines.push(
        await readWithIncludes(included, context, depth + 1),
        "Host *",
      );
    }
  }
  return lines.join("\n");
}

/** The files that a list of patterns names, in the order of their names; none is no mistake. */
async function includedFiles(
  names: string,
  context: SshConfigContext,
): Promise<readonly string[]> {
  const patterns = names.match(/"[^"]*"|\S+/g) ?? [];
  const found: string[] = [];
  for (const pattern of patterns.map((name) => name.replaceAll('"', ""))) {
    const expanded = expandPath(pattern, context);
    const path = isAbsolute(expanded)
      ? expanded
      : join(context.home, ".ssh", expanded);
    if (!/[*?]/.test(path)) {
      if (await isFile(path)) found.push(path);
      continue;
    }
    if (/[*?]/.test(dirname(path))) {
      throw new ConfigError(
        `Cannot include "${pattern}": only the last part of a path may be a pattern`,
      );
    }
    found.push(...await matchingFiles(path));
  }
  return found;
}

async function matchingFiles(pattern: string): Promise<readonly string[]> {
  const found: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(dirname(pattern))) {
      if (!isDirectory && matchesPattern(basename(pattern), name)) {
        found.push(join(dirname(pattern), name));
      }
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found.sort();
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function agentPath(text: string, path: (text: string) => string): string {
  if (text.toLowerCase() === "none") return "none";
  return text === "SSH_AUTH_SOCK" ? "$SSH_AUTH_SOCK" : path(text);
}

function readPort(text: string, file: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new ConfigError(`Cannot use "${file}": "${text}" is no port`);
}

/** `%h` and the like; one that is not known stays as it is. */
function expandTokens(
  text: string,
  tokens: Readonly<Record<string, string>>,
): string {
  return text.replaceAll(
    /%(.)/g,
    (token, name: string) => name === "%" ? "%" : tokens[name] ?? token,
  );
}

/** `~` and `${NAME}`. */
function expandPath(
  path: string,
  { home, env }: Pick<SshConfigContext, "home" | "env">,
): string {
  return path
    .replace(/^~(?=\/|$)/, home)
    .replaceAll(/\$\{(\w+)\}/g, (_, name: string) => env[name] ?? "");
}
