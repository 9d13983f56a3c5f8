import type { Command } from "commander";
import { resolve } from "node:path";
import type { TargetSettings } from "../providers/ssh/transport/resolve_target.ts";

/** The flags of {@linkcode withSshFlags}. */
export interface SshFlags {
  readonly identityFile?: string;
  readonly knownHosts?: string;
  readonly sshConfig?: string;
  readonly jump?: string;
  readonly passwordFile?: string;
  readonly passphraseFile?: string;
}

/** Adds what every command takes that logs in to hosts. */
export function withSshFlags(command: Command): Command {
  return command
    .option("-i, --identity-file <file>", "private key to log in with")
    .option("--known-hosts <file>", "host keys (default: those of ssh)")
    .option("--ssh-config <file>", "SSH configuration to read")
    .option("-J, --jump <host>", "host to go through, such as ssh://admin@b")
    .option("--password-file <file>", "file with the password of the user")
    .option("--passphrase-file <file>", "file with the passphrase of the key");
}

/** What the flags say of every host. Paths are absolute. */
export function sshSettings(
  { jump, ...flags }: SshFlags,
): Omit<TargetSettings, "host" | "port" | "user"> {
  const paths = {
    identityFile: flags.identityFile,
    knownHostsFile: flags.knownHosts,
    configFile: flags.sshConfig,
    passwordFile: flags.passwordFile,
    passphraseFile: flags.passphraseFile,
  };
  return {
    ...Object.fromEntries(
      Object.entries(paths).flatMap(([name, path]) =>
        path === undefined ? [] : [[name, resolve(path)]]
      ),
    ),
    ...(jump === undefined ? {} : { jump }),
  };
}
