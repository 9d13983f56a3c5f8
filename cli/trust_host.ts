import { dirname } from "node:path";
import type { AbortOptions } from "../async/abort.ts";
import { messageOf } from "../async/message_of.ts";
import { Semaphore } from "../async/semaphore.ts";
import { ConnectError } from "../providers/ssh/transport/connect_error.ts";
import { SshConnection } from "../providers/ssh/transport/connection.ts";
import { DialLimit } from "../providers/ssh/transport/dial_limit.ts";
import {
  appendKnownHost,
  keyFingerprint,
  keyType,
  knownName,
} from "../providers/ssh/transport/known_hosts.ts";
import { hopsOf, type SshTarget } from "../providers/ssh/transport/target.ts";
import { printError } from "./output.ts";
import type { Prompts } from "./prompts.ts";

/** Options of {@linkcode trustHosts}. */
export interface TrustOptions extends AbortOptions {
  /** The person at the terminal. */
  readonly prompts: Pick<Prompts, "confirm">;
}

/**
 * Asks about the key of every host that is not known yet, those on the way included, and adds the
 * keys that the person at the terminal trusts to known_hosts. Keys that are not what is known, or
 * were revoked, are not asked about, and hosts that cannot be reached neither: connecting to them
 * says why they are refused.
 */
export async function trustHosts(
  targets: readonly SshTarget[],
  { prompts, signal }: TrustOptions,
): Promise<void> {
  const context = {
    prompts,
    signal,
    dialLimit: new DialLimit(),
    turns: new Semaphore(1),
    refused: new Set<string>(),
  };
  await Promise.all(targets.map((target) => trustChain(target, context)));
}

interface TrustContext extends TrustOptions {
  readonly dialLimit: DialLimit;
  /** One host is asked about at a time. */
  readonly turns: Semaphore;
  /** What the person said no to. */
  readonly refused: Set<string>;
}

async function trustChain(
  target: SshTarget,
  context: TrustContext,
): Promise<void> {
  for (const hop of hopsOf(target)) {
    const { host, port, knownHosts } = hop;
    if (knownHosts.algorithms(host, port).length > 0) continue;
    const key = await shownKey(hop, context);
    if (key === undefined || !await trustKey(hop, key, context)) return;
  }
}

/** The key that a host shows; undefined when there is no way to it. */
async function shownKey(
  target: SshTarget,
  { dialLimit, signal }: TrustContext,
): Promise<Uint8Array | undefined> {
  let shown: Uint8Array | undefined;
  const curious: SshTarget = {
    ...target,
    knownHosts: {
      algorithms: () => [],
      verify(_host, _port, key) {
        shown = new Uint8Array(key);
        // So that nothing is shown to a host that nobody trusts yet.
        return { kind: "unknown", fingerprint: keyFingerprint(key) };
      },
    },
  };
  try {
    await using _ = await SshConnection.open(curious, { dialLimit, signal });
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ConnectError)) throw error;
    // It was not to succeed; where there was no key, connecting in earnest says why.
  }
  return shown;
}

/** Whether the key is trusted, by now. */
async function trustKey(
  { host, port, knownHosts }: SshTarget,
  key: Uint8Array,
  { prompts, refused, turns, signal }: TrustContext,
): Promise<boolean> {
  using _ = await turns.acquire({ signal });
  // Others may have asked about the same host meanwhile: the one on the way to theirs.
  const verdict = knownHosts.verify(host, port, key);
  const { file } = knownHosts;
  const name = knownName(host, port);
  if (verdict.kind === "trusted") return true;
  if (verdict.kind !== "unknown" || file === undefined) return false;
  if (refused.has(name)) return false;
  if (!await prompts.confirm(question(name, key, file))) {
    refused.add(name);
    return false;
  }
  try {
    await Deno.mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await appendKnownHost(file, { host, port, key });
  } catch (cause) {
    throw new Error(
      `Cannot add the key of ${name} to "${file}": ${messageOf(cause)}`,
      { cause },
    );
  }
  printError(`Added the key of ${name} to ${file}\n`);
  return true;
}

function question(name: string, key: Uint8Array, file: string): string {
  const kind = keyType(key).replace(/^ssh-/, "").replace(/-.*$/, "");
  return `The host key of ${name} is not known:
  ${keyType(key)} ${keyFingerprint(key)}
Compare it with what the host itself says:
  ssh-keygen -lf /etc/ssh/ssh_host_${kind}_key.pub
Is it the same, and may it be added to ${file} (yes/no)? `;
}
