import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import {
  keyFingerprint,
  KnownHosts,
} from "../providers/ssh/transport/known_hosts.ts";
import type { SshTarget } from "../providers/ssh/transport/target.ts";
import { needing } from "../tests/needing.ts";
import { type Sshd, sshdMissing, startSshd } from "../tests/sshd.ts";
import { trustHosts } from "./trust_host.ts";

const missing = sshdMissing();

Deno.test({
  ...needing(
    missing,
    "trustHosts() asks about each unknown host once, those on the way first, and adds their keys",
  ),
  async fn() {
    await using jump = await startSshd();
    await using one = await startSshd();
    await using two = await startSshd();
    const file = join(jump.dir, "new", "known_hosts");
    const behind = (sshd: Sshd) => ({
      ...target(sshd, file),
      jump: target(jump, file),
    });
    const targets = [behind(one), behind(two), target(one, file)];
    const questions = await trust(targets, ["yes"]);
    const about = (sshd: Sshd) =>
      questions.findIndex((question) =>
        question.includes(`[127.0.0.1]:${sshd.port}`) &&
        question.includes(`ssh-ed25519 ${keyFingerprint(sshd.hostKey)}`) &&
        question.includes(file)
      );
    assert.equal(questions.length, 3);
    assert.ok(about(jump) >= 0 && about(jump) < about(two));
    const known = new KnownHosts([file]);
    for (const { port, hostKey } of [jump, one, two]) {
      assert.equal(known.verify("127.0.0.1", port, hostKey).kind, "trusted");
    }
    const { mode } = await Deno.stat(file);
    assert.equal((mode ?? 0) & 0o777, 0o600);
    assert.deepEqual(await trust(targets, []), []);
  },
});

Deno.test({
  ...needing(
    missing,
    "trustHosts() adds nothing for a no, and does not ask again about that host",
  ),
  async fn() {
    await using jump = await startSshd();
    await using one = await startSshd();
    const file = join(jump.dir, "known_hosts");
    const behind = { ...target(one, file), jump: target(jump, file) };
    const questions = await trust([behind, behind, target(jump, file)], ["no"]);
    assert.equal(questions.length, 1);
    await assert.rejects(Deno.stat(file), Deno.errors.NotFound);
  },
});

Deno.test({
  ...needing(
    missing,
    "trustHosts() offers no key that is another than the known one, or revoked",
  ),
  async fn() {
    await using sshd = await startSshd();
    const file = join(sshd.dir, "known_hosts");
    const shown = Buffer.from(sshd.hostKey).toString("base64");
    const other = Buffer.from(
      sshd.hostKey.map((byte, index) => index < 20 ? byte : byte ^ 1),
    ).toString("base64");
    const name = `[127.0.0.1]:${sshd.port}`;
    for (
      const line of [
        `${name} ssh-ed25519 ${other}`,
        `@revoked ${name} ssh-ed25519 ${shown}`,
        `@cert-authority ${name} ssh-ed25519 ${other}`,
      ]
    ) {
      await Deno.writeTextFile(file, `${line}\n`);
      assert.deepEqual(await trust([target(sshd, file)], []), [], line);
      assert.equal(await Deno.readTextFile(file), `${line}\n`);
    }
  },
});

Deno.test({
  ...needing(
    missing,
    "trustHosts() shows nothing to a host before it is trusted, and leaves out one that is down",
  ),
  async fn() {
    await using sshd = await startSshd();
    const file = join(sshd.dir, "known_hosts");
    const shy: SshTarget = {
      ...target(sshd, file),
      identities: [{
        source: "key",
        privateKey: () => assert.fail("It was shown"),
      }],
    };
    const down = { ...target(sshd, file), port: 1 };
    assert.equal((await trust([down, shy], ["no"])).length, 1);
  },
});

function target(sshd: Sshd, file: string): SshTarget {
  return sshd.target({ knownHosts: new KnownHosts([file]) });
}

/** What is asked; the last answer is given to all further questions. */
async function trust(
  targets: readonly SshTarget[],
  answers: readonly ("yes" | "no")[],
): Promise<readonly string[]> {
  const questions: string[] = [];
  await trustHosts(targets, {
    signal: AbortSignal.timeout(30_000),
    prompts: {
      confirm(question) {
        questions.push(question);
        const answer = answers[questions.length - 1] ?? answers.at(-1);
        return Promise.resolve(answer === "yes");
      },
    },
  });
  return questions;
}
