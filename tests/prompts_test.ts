import assert from "node:assert/strict";
import { join } from "node:path";
import { userInfo } from "node:os";
import { keyFingerprint } from "../providers/ssh/transport/known_hosts.ts";
import { fromSources, runFarlet } from "./farlet.ts";
import { needing } from "./needing.ts";
import { type Sshd, sshdMissing, startSshd } from "./sshd.ts";
import {
  runAtTerminal,
  type Step,
  terminalMissing,
  type TerminalResult,
} from "./terminal.ts";

const missing = await terminalMissing() ?? sshdMissing();
const passphrase = "ein Geheimnis";

/** No cluster is asked anything before the agent starts. */
const kubeconfig = `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
current-context: c
`;

Deno.test({
  ...needing(
    missing,
    "farlet join asks about an unknown host key at a terminal, then for the passphrase of the key",
  ),
  async fn() {
    await using sshd = await startSshd(["MaxSessions 0"]);
    await encrypt(sshd);
    const { screen, restored } = await atTerminal(sshd, "join", [
      ["wait", "(yes/no)? "],
      ["type", "y\n"],
      ["wait", 'type "yes" or "no": '],
      ["type", "yes\n"],
      ["wait", "Passphrase of the key"],
      ["type", "wrong\n"],
      ["wait", "Passphrase of the key"],
      ["type", "ein Geheimniß\x7fs\n"],
      ["wait", "Connected to host"],
      ["kill", "SIGTERM"],
    ]);
    assert.match(screen, /is not known:/);
    assert.ok(screen.includes(keyFingerprint(sshd.hostKey)), screen);
    assert.doesNotMatch(screen, /wrong|Geheim/);
    assert.equal(restored, true);
    const known = await Deno.readTextFile(knownHosts(sshd));
    assert.match(known, new RegExp(`^\\[127\\.0\\.0\\.1\\]:${sshd.port} ssh-`));
  },
});

Deno.test({
  ...needing(missing, "farlet join trusts no host for a no"),
  async fn() {
    await using sshd = await startSshd();
    const { screen, code } = await atTerminal(sshd, "join", [
      ["wait", "(yes/no)? "],
      ["type", "no\n"],
    ]);
    assert.equal(code, 1);
    assert.match(screen, /its host key SHA256:\S+ is not known/);
    await assert.rejects(Deno.stat(knownHosts(sshd)), Deno.errors.NotFound);
  },
});

Deno.test({
  ...needing(
    missing,
    "farlet join asks nothing in a pipe, and says what to do",
  ),
  async fn() {
    await using sshd = await startSshd();
    const { code, stderr } = await runFarlet(await argsOf(sshd, "join"), {
      stdin: "yes\n",
    });
    assert.equal(code, 1);
    assert.match(stderr, /is not known; .*ssh-keyscan .*terminal, which asks/);
    assert.doesNotMatch(stderr, /yes\/no/);
    await assert.rejects(Deno.stat(knownHosts(sshd)), Deno.errors.NotFound);
  },
});

for (
  const [how, step] of [
    ["Ctrl-C", ["type", "\x03"]],
    ["SIGTERM", ["kill", "SIGTERM"]],
  ] as const
) {
  Deno.test({
    ...needing(
      missing,
      `farlet doctor restores the terminal on ${how} while it asks for a passphrase`,
    ),
    async fn() {
      await using sshd = await startSshd();
      await encrypt(sshd);
      await trust(sshd);
      const { code, restored } = await atTerminal(sshd, "doctor", [
        ["wait", "Passphrase of the key"],
        step,
      ]);
      assert.equal(code, how === "Ctrl-C" ? 130 : 143);
      assert.equal(restored, true);
    },
  });
}

async function atTerminal(
  sshd: Sshd,
  command: "join" | "doctor",
  steps: readonly Step[],
): Promise<TerminalResult> {
  const args = [...fromSources, ...await argsOf(sshd, command)];
  return await runAtTerminal(args, steps, { NO_COLOR: "1" });
}

async function argsOf(
  sshd: Sshd,
  command: "join" | "doctor",
): Promise<readonly string[]> {
  const { username } = userInfo();
  const target = [
    ...[command, `ssh://${username}@127.0.0.1:${sshd.port}`],
    ...["-i", sshd.keyFile, "--known-hosts", knownHosts(sshd)],
  ];
  if (command === "doctor") return target;
  const file = join(sshd.dir, "kubeconfig");
  await Deno.writeTextFile(file, kubeconfig);
  const state = join(sshd.dir, "state");
  return [
    ...target,
    ...["--dry-run", "--kubeconfig", file, "--state-dir", state],
  ];
}

function knownHosts(sshd: Sshd): string {
  return join(sshd.dir, "ssh", "known_hosts");
}

async function trust(sshd: Sshd): Promise<void> {
  const [type, key] = (await Deno.readTextFile(join(sshd.dir, "host_key.pub")))
    .split(" ");
  await Deno.mkdir(join(sshd.dir, "ssh"));
  const line = `[127.0.0.1]:${sshd.port} ${type} ${key}\n`;
  await Deno.writeTextFile(knownHosts(sshd), line);
}

async function encrypt(sshd: Sshd): Promise<void> {
  const { success } = await new Deno.Command("ssh-keygen", {
    args: ["-q", "-p", "-N", passphrase, "-f", sshd.keyFile],
  }).output();
  assert.ok(success);
}
