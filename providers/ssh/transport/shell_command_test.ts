import assert from "node:assert/strict";
import fc from "fast-check";
import { needing } from "../../../tests/needing.ts";
import { shellCommand } from "./shell_command.ts";

const shells = [
  "sh",
  "dash",
  "bash",
  "zsh",
  "ksh",
  "fish",
  "tcsh",
  "csh",
  "busybox",
];

/** What shells read in ways of their own, more often than chance has it. */
const awkward = fc.string({
  unit: fc.constantFrom(
    ..."'\"\\!$`\n\t\r *?~#;&|<>(){}[]=%^,-:aü€😀\x01\x7f",
    "\\n",
    "\\0",
    "\\c",
    "!!",
    "$(echo no)",
    "'\\''",
  ),
});

for (const shell of shells) {
  Deno.test({
    ...needing(
      runs(shell) ? undefined : `${shell} is not installed`,
      `shellCommand() means the same to ${shell} as a login shell`,
    ),
    async fn() {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.oneof(awkward, fc.string({ unit: "binary" })), {
            maxLength: 4,
          }),
          awkward,
          async (words, text) => {
            const args = words.map((word) =>
              word.replaceAll("\0", "").toWellFormed()
            );
            // A here-document has the script itself full of what is awkward.
            const marker = "E_N_D";
            const script =
              `printf '%s\\0' "$#" "$@"\ncat <<'${marker}'\n${text}\n${marker}\n`;
            const output = await execute(shell, shellCommand(script, args));
            const expected = [String(args.length), ...args, `${text}\n`];
            assert.deepEqual(output.split("\0"), expected);
          },
        ),
        { numRuns: 40 },
      );
    },
  });
}

Deno.test("shellCommand() has nothing in it that shells disagree on", () => {
  fc.assert(
    fc.property(awkward, awkward, (script, arg) => {
      const command = shellCommand(script, [arg]);
      const [, quoted] = /^exec sh -c '[^']*' sh '([^']*)'$/.exec(command) ??
        [];
      assert.match(quoted ?? "\n", /^[ -~]*$/);
      assert.doesNotMatch(quoted ?? "!", /!|\\[^0]|\\$/);
    }),
  );
});

Deno.test("shellCommand() refuses a NUL and what is longer than an argument can be", () => {
  assert.throws(() => shellCommand("echo", ["a\0b"]), RangeError);
  assert.throws(() => shellCommand("echo", ["x".repeat(132_000)]), /stdin/);
  assert.ok(shellCommand("echo", ["x".repeat(100_000)]));
});

function runs(shell: string): boolean {
  try {
    return new Deno.Command(shell, {
      args: shellArgs(shell, "exit 0"),
      stdin: "null",
    }).outputSync().success;
  } catch {
    return false; // not installed
  }
}

function shellArgs(shell: string, command: string): string[] {
  return shell === "busybox" ? ["sh", "-c", command] : ["-c", command];
}

async function execute(shell: string, command: string): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(shell, {
    args: shellArgs(shell, command),
    stdin: "null",
  }).output();
  assert.equal(new TextDecoder().decode(stderr), "");
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(stdout);
}
