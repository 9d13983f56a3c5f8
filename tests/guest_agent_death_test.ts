import assert from "node:assert/strict";
import { delay } from "../async/delay.ts";
import { guestTraits } from "../providers/wasm/guest_traits.ts";
import { guestModule, runnerCommand } from "./run_guest.ts";

for (
  const { verb, stdin } of [
    { verb: "spin", stdin: false },
    { verb: "spin", stdin: true },
    { verb: "sleep", stdin: false },
    { verb: "sleep", stdin: true },
  ]
) {
  const input = stdin ? "has" : "has no";
  Deno.test(`a guest with the verb ${verb} that ${input} input dies with a killed agent`, async () => {
    const spec = {
      module: guestModule("guest"),
      args: ["guest", "echo", "begun", verb, "60000"],
      env: {},
      preopens: [],
      stdin,
      reportPath: "/dev/null",
      // Changing the user ends what ties a process to its parent's life.
      ...(guestTraits().choosesUsers
        ? { user: { uid: 70_001, gid: 70_001, groups: [] } }
        : {}),
    };
    const agent = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--no-lock"],
        new URL("./guest_agent.ts", import.meta.url).pathname,
        JSON.stringify(spec),
        ...runnerCommand(),
      ],
      stdout: "piped",
    }).spawn();
    const written = await readUntil(agent.stdout, /^\d+\n(.*\n)*?begun\n/);
    const pid = Number.parseInt(written);
    assert.ok(isRunning(pid));
    agent.kill("SIGKILL");
    await agent.status;
    const signal = AbortSignal.timeout(5000);
    while (isRunning(pid)) await delay(10, { signal });
  });
}

/** Reads what the agent and its guest write until it looks like this, and the rest for nobody. */
async function readUntil(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  pattern: RegExp,
): Promise<string> {
  let text = "";
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  while (!pattern.test(text)) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`Expected ${pattern} in ${text}`);
    text += value;
  }
  void reader.cancel();
  return text;
}

/** Whether there is such a process; one that ended but was not waited for is none. */
function isRunning(pid: number): boolean {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return !/\) [ZX] /.test(stat);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
