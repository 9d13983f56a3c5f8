import assert from "node:assert/strict";
import type { ContainerAccess } from "../../providers/runtime.ts";
import { runOnce } from "./run_once.ts";

const request = {
  kind: "run",
  ref: { podUid: "u1", container: "app" },
  command: ["ls", "-l"],
} as const;
const { signal } = new AbortController();
type Exec = NonNullable<ContainerAccess["exec"]>;

/** A command that writes to both outputs, by turns from one buffer. */
function writing(code: number, bytes = 2): Exec {
  return async (_ref, _command, { stdin, stdout, stderr }) => {
    assert.equal(stdin, undefined);
    const buffer = new Uint8Array(bytes);
    const writers = [stderr?.getWriter(), stdout?.getWriter()];
    for (const [index, writer] of [...writers, ...writers].entries()) {
      buffer.fill("a".charCodeAt(0) + index);
      await writer?.write(buffer);
    }
    return code;
  };
}

Deno.test("runOnce() gives the output, and behind it the errors", async () => {
  const outcome = await runOnce({ exec: writing(0) }, request, { signal });
  assert.ok(outcome.kind === "succeeded");
  assert.equal(new TextDecoder().decode(outcome.output), "bbddaacc");
});

Deno.test("runOnce() tells the exit code and the errors, as the kubelet", async () => {
  assert.deepEqual(await runOnce({ exec: writing(3) }, request, { signal }), {
    kind: "failed",
    message: "command 'ls -l' exited with 3: aacc",
  });
});

Deno.test("runOnce() tells why a command cannot be run", async () => {
  const exec = () => Promise.reject(new Error("no such container"));
  assert.deepEqual(await runOnce({ exec }, request, { signal }), {
    kind: "failed",
    message: "no such container",
  });
});

Deno.test("runOnce() ends a command that writes too much", async () => {
  const exec: Exec = async (ref, command, options) => {
    await writing(0, 10_000_000)(ref, command, options).catch(() => undefined);
    assert.ok(options.signal.aborted);
    return 137;
  };
  const outcome = await runOnce({ exec }, request, { signal });
  assert.ok(outcome.kind === "failed");
  assert.match(outcome.message, /wrote more than 16777216 bytes/);
});
