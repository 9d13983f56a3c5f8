import { homedir, userInfo } from "node:os";
import { join } from "node:path";
import { ConfigError } from "../../../async/config_error.ts";
import { KnownHosts } from "./known_hosts.ts";
import {
  type AskPassphrase,
  fileIdentity,
  readSecretFile,
} from "./private_key.ts";
import { readSshConfig, type SshSettings } from "./ssh_config.ts";
import type { SshTarget } from "./target.ts";
import { parseTargetAddress } from "./target_address.ts";

/** How a host is to be reached, as a person says it; paths are absolute. */
export interface TargetSettings {
  /** A name, an address, or an alias in the SSH configuration. */
  readonly host: string;
  readonly port?: number;
  readonly user?: string;
  /** The only key that is shown; ssh's own defaults, and those of an agent, unless given. */
  readonly identityFile?: string;
  /** Holds the passphrase of the identity file. */
  readonly passphraseFile?: string;
  /** Holds the user's password. */
  readonly passwordFile?: string;
  /** The only file with host keys; ssh's own unless given. */
  readonly knownHostsFile?: string;
  /** Hosts to go through, as `ssh://user@host:port`, separated by commas, the first one first. */
  readonly jump?: string;
  /** An SSH configuration; none is read unless given. */
  readonly configFile?: string;
}

/** What {@linkcode resolveTarget} may look at. */
export interface TargetContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Asked for the passphrase of a key when it is not known otherwise; nobody unless given. */
  readonly askPassphrase?: AskPassphrase;
}

const noSettings: SshSettings = { identityFiles: [], identitiesOnly: false };
const defaultKeys = ["id_ed25519", "id_ecdsa", "id_rsa"];
const longestChain = 8;

/**
 * Everything that is needed to reach a host, the hosts on the way included. Keys are read when they
 * are shown.
 *
 * @throws {ConfigError} That names the file and the remedy.
 */
export async function resolveTarget(
  settings: TargetSettings,
  context: TargetContext,
): Promise<SshTarget> {
  return await resolveChain(settings, context, 0);
}

async function resolveChain(
  settings: TargetSettings,
  context: TargetContext,
  depth: number,
): Promise<SshTarget> {
  if (depth > longestChain) {
    throw new ConfigError(
      `Cannot reach "${settings.host}": it is behind more than ${longestChain} other hosts, or behind itself`,
    );
  }
  const { env } = context;
  const home = env["HOME"] || homedir();
  const { configFile } = settings;
  const configured = configFile === undefined
    ? noSettings
    : await readSshConfig(configFile, settings.host, {
      ...{ home, env },
      ...(settings.user === undefined ? {} : { user: settings.user }),
    });
  const hops = (settings.jump ?? configured.proxyJump ?? "").split(",")
    .map((hop) => hop.trim()).filter((hop) => hop !== "");
  const agentSocket = agentOf(settings, configured, env);
  const jump = await resolveJump(hops, settings, context, depth);
  return {
    host: configured.hostName ?? settings.host,
    port: settings.port ?? configured.port ?? 22,
    user: settings.user ?? configured.user ?? userInfo().username,
    identities: (await keysOf(settings, configured, home)).map((path) =>
      fileIdentity(path, passphraseOf(settings, context))
    ),
    ...(agentSocket === undefined ? {} : { agentSocket }),
    ...passwordOf(settings, env),
    knownHosts: new KnownHosts(knownHostsFiles(settings, configured, home)),
    ...(jump === undefined ? {} : { jump }),
  };
}

/** The last hop, reached through those before it. A password is for the target alone. */
async function resolveJump(
  hops: readonly string[],
  { passwordFile: _, jump: _jump, ...settings }: TargetSettings,
  context: TargetContext,
  depth: number,
): Promise<SshTarget | undefined> {
  const last = hops.at(-1);
  if (last === undefined) return undefined;
  const { user: _user, port: _port, ...rest } = settings;
  const before = hops.slice(0, -1).join(",");
  const hop = { ...rest, ...parseTargetAddress(last) };
  const { password: _password, ...target } = await resolveChain(
    before === "" ? hop : { ...hop, jump: before },
    context,
    depth + 1,
  );
  return target;
}

/** Files with host keys: the one that was named, else those of ssh. */
function knownHostsFiles(
  { knownHostsFile }: Pick<TargetSettings, "knownHostsFile">,
  { userKnownHostsFiles }: Pick<SshSettings, "userKnownHostsFiles">,
  home: string,
): readonly string[] {
  if (knownHostsFile !== undefined) return [knownHostsFile];
  return [
    ...userKnownHostsFiles ??
      ["known_hosts", "known_hosts2"].map((name) => join(home, ".ssh", name)),
    "/etc/ssh/ssh_known_hosts",
  ];
}

async function keysOf(
  { identityFile }: TargetSettings,
  { identityFiles }: SshSettings,
  home: string,
): Promise<readonly string[]> {
  if (identityFile !== undefined) return [identityFile];
  if (identityFiles.length > 0) return identityFiles;
  const found: string[] = [];
  for (const name of defaultKeys) {
    const path = join(home, ".ssh", name);
    if (await exists(path)) found.push(path);
  }
  return found;
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.PermissionDenied
    ) return false;
    throw error;
  }
}

/** The agent is left alone where a key was named: a server counts what it refuses. */
function agentOf(
  { identityFile }: TargetSettings,
  { identitiesOnly, identityAgent }: SshSettings,
  env: TargetContext["env"],
): string | undefined {
  if (identityFile !== undefined || identitiesOnly) return undefined;
  if (identityAgent === "none") return undefined;
  const [, name] = /^\$(\w+)$/.exec(identityAgent ?? "$SSH_AUTH_SOCK") ?? [];
  return (name === undefined ? identityAgent : env[name]) || undefined;
}

function passphraseOf(
  { passphraseFile }: TargetSettings,
  { env, askPassphrase }: TargetContext,
): AskPassphrase {
  return async (source) => {
    if (passphraseFile !== undefined) {
      return (await readSecretFile(passphraseFile)).trimEnd();
    }
    return env["FARLET_SSH_PASSPHRASE"] || await askPassphrase?.(source);
  };
}

function passwordOf(
  { passwordFile }: TargetSettings,
  env: TargetContext["env"],
): Pick<SshTarget, "password"> {
  const fromEnv = env["FARLET_SSH_PASSWORD"];
  if (passwordFile === undefined && !fromEnv) return {};
  return {
    password: async () =>
      passwordFile === undefined
        ? fromEnv
        : (await readSecretFile(passwordFile)).trimEnd(),
  };
}
