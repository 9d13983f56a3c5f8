import assert from "node:assert/strict";
import { needing } from "../tests/needing.ts";
import { sshdMissing, startSshd } from "../tests/sshd.ts";
import { findingLines, type HostReport, reportHosts } from "./doctor_report.ts";

Deno.test("findingLines() aligns what was found, and puts the remedy below", () => {
  const plain = { colours: false };
  const found = "0 B free";
  const ok = { check: "disk", verdict: "ok", found } as const;
  const fail = {
    check: "socket forwarding",
    verdict: "fail",
    ...{ found, remedy: "make room" },
  } as const;
  assert.equal(
    findingLines(ok, plain) + findingLines(fail, plain),
    "  ok    disk               0 B free\n" +
      "  fail  socket forwarding  0 B free\n" +
      "                           remedy: make room\n",
  );
  assert.equal(
    findingLines(ok, { colours: true }),
    "  \x1b[32mok\x1b[0m    disk               0 B free\n",
  );
});

Deno.test({
  ...needing(
    sshdMissing(),
    "reportHosts() says of each host whether it can be a node, for people and for programs",
  ),
  async fn() {
    await using sshd = await startSshd(["MaxSessions 0"]);
    const targets = [sshd.target(), sshd.target({ identities: [] })];
    const options = { colours: false, signal: AbortSignal.timeout(30_000) };
    let text = "";
    const print = (more: string) => {
      text += more;
    };
    assert.equal(await reportHosts(targets, { ...options, print }), false);
    assert.match(text, /^\w+@127\.0\.0\.1:\d+\n {2}ok {4}address /);
    assert.match(
      text,
      /\n {2}fail {2}sessions [\s\S]*\n\n[\s\S]*fail {2}login/,
    );
    assert.equal(text.match(/cannot be a node: mend/g)?.length, 2);
    text = "";
    const format = "json";
    await reportHosts(targets, { ...options, format, print });
    const { hosts } = JSON.parse(text);
    assert.deepEqual(
      (hosts as HostReport[]).map(({ usable, findings }) => [
        usable,
        Object.keys(findings[0] ?? {}),
      ]),
      [1, 2].map(() => [false, ["check", "verdict", "found"]]),
    );
  },
});
