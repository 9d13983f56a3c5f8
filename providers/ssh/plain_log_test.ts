import assert from "node:assert/strict";
import { needing } from "../../tests/needing.ts";
import { sshdMissing, startSshd } from "../../tests/sshd.ts";
import { isPlain, readPlainLog } from "./plain_log.ts";
import { connectHost } from "./transport/ssh_host.ts";

const head = (stream: string, tag: string) =>
  `2026-11-23T03:26:10.123456789+00:00 ${stream} ${tag} `;

/** What is read of a log with these bytes. */
async function read(bytes: string): Promise<string> {
  await using sshd = await startSshd();
  const signal = AbortSignal.timeout(20_000);
  await using host = connectHost(sshd.target(), { signal });
  await host.connected({ signal });
  const path = `${sshd.dir}/ctr.log`;
  await Deno.writeFile(
    path,
    Uint8Array.from(bytes, (char) => char.charCodeAt(0)),
  );
  let text = "";
  for await (const chunk of readPlainLog(host, path, { signal })) {
    text += chunk === "declined"
      ? "(declined)"
      : new TextDecoder("latin1").decode(chunk);
  }
  return text;
}

function test(name: string, log: string, expected: string): void {
  Deno.test({
    ...needing(sshdMissing(), name),
    fn: async () => assert.equal(await read(log), expected),
  });
}

const long = "x".repeat(300_000);

test(
  "readPlainLog() cuts the heads off whole lines, whatever is in them",
  `${head("stdout", "F")}one\n${head("stderr", "F")}\n${
    head("stdout", "F")
  }\x00\xff stdout F two\n${head("stdout", "F")}${long}\n`,
  `one\n\n\x00\xff stdout F two\n${long}\n`,
);

test(
  "readPlainLog() declines lines in parts",
  `${head("stdout", "F")}one\n${head("stdout", "P")}two`,
  "(declined)",
);

test(
  "readPlainLog() declines what conmon did not write",
  "one\n",
  "(declined)",
);

test("readPlainLog() reads an empty log", "", "");

Deno.test("isPlain() is true only where nothing is asked for", () => {
  const all = { follow: false, previous: true, timestamps: false };
  assert.ok(isPlain(all));
  assert.ok(!isPlain({ ...all, follow: true }));
  assert.ok(!isPlain({ ...all, timestamps: true }));
  assert.ok(!isPlain({ ...all, tailLines: 0 }));
  assert.ok(!isPlain({ ...all, since: new Date(0) }));
  assert.ok(!isPlain({ ...all, stream: "stderr" }));
  assert.ok(!isPlain({ ...all, limitBytes: 1 }));
});
