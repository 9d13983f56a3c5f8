import { Deadline } from "../../async/deadline.ts";
import type { AbortOptions } from "../../async/abort.ts";
import type { Host, RunOptions } from "./host.ts";

/** Options of {@linkcode runScript}. */
export interface ScriptOptions extends AbortOptions {
  readonly args?: readonly string[];
  readonly stdin?: RunOptions["stdin"];
  readonly maxOutputBytes?: number;
  /** Completes "Cannot …": `write volume "config"`. */
  readonly action: string;
  /** Milliseconds; a minute unless given. */
  readonly timeout?: number;
}

/** A script on a host failed: its words, for those who read statuses and logs. */
export class ScriptError extends Error {
  override readonly name = "ScriptError";
  /** What the script itself said was wrong; undefined when one of its commands failed. */
  readonly complaint: string | undefined;

  constructor(
    message: string,
    { complaint }: { readonly complaint?: string | undefined },
  ) {
    super(message);
    this.complaint = complaint;
  }
}

/**
 * Runs a script on a host and resolves what it printed. Rejects with a {@linkcode ScriptError}
 * when it fails; nothing that the script got on its standard input is in the message.
 */
export async function runScript(
  host: Host,
  script: string,
  { args = [], stdin, maxOutputBytes, action, timeout = 60_000, signal }:
    ScriptOptions,
): Promise<string> {
  using deadline = new Deadline(timeout, { signal });
  const { code, stdout, stderr } = await host.run(prelude + script, args, {
    signal: deadline.signal,
    ...(stdin === undefined ? {} : { stdin }),
    ...(maxOutputBytes === undefined ? {} : { maxOutputBytes }),
  });
  if (code === 0) return stdout;
  const lines = stderr.trim().split("\n").slice(-3);
  const said = lines.join("; ").slice(-500);
  const why = said === "" ? `exit code ${code}` : said;
  throw new ScriptError(`Cannot ${action} on ${host.name}: ${why}`, {
    complaint: code === complaintCode ? lines.at(-1) : undefined,
  });
}

const complaintCode = 90;

/**
 * What all scripts have: strictness, private files, and words that the host's language does not
 * change. Plain users have no `sbin` in their path on some hosts, where `mount` may be.
 */
const prelude = `set -eu
umask 077
LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export LC_ALL PATH
complain() { printf '%s\\n' "$1" >&2; exit ${complaintCode}; }
is_mounted() {
  awk -v at="$1" '$5 == at { found = 1 } END { exit !found }' /proc/self/mountinfo
}
# Containers may use what has this label, where SELinux has a say.
label() {
  if [ -e /sys/fs/selinux/enforce ]; then
    chcon -t container_file_t -l s0 "$1" 2>/dev/null || :
  fi
}
# One script at a time works on a pod; a lost connection may have left one behind.
enter_pod() {
  if ! [ -d "$1" ]; then mkdir -p "$1" && label "$1"; fi
  if command -v flock >/dev/null 2>&1; then exec 8>"$1/lock" && flock 8; fi
}
# The temporary file and the place of what is atomically replaced.
replace() { mv -f -T "$1" "$2" 2>/dev/null || mv -f "$1" "$2"; }
`;
