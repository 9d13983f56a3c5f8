import assert from "node:assert/strict";
import { killScript } from "./end_command.ts";

const own = new Deno.Command("sh", {
  args: ["-c", "cat /proc/self/cgroup"],
});

async function kill(pid: number, container: string): Promise<void> {
  const { success } = await new Deno.Command("sh", {
    args: ["-c", killScript, "sh", String(pid), container, "0"],
  }).output();
  assert.ok(success);
}

Deno.test({
  name: "endCommand kills no process of the host that has the ID by now",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using innocent = new Deno.Command("setsid", {
      args: ["sleep", "600"],
      stdin: "null",
    }).spawn();
    await kill(innocent.pid, "f".repeat(64));
    await kill(innocent.pid, "");
    await assertRuns(innocent.pid);
    // What would be there if it were in the container.
    const groups = new TextDecoder().decode((await own.output()).stdout);
    await kill(innocent.pid, groups.trim().split("\n").at(-1) ?? "");
    assert.equal((await innocent.status).signal, "SIGKILL");
  },
});

async function assertRuns(pid: number): Promise<void> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  assert.match(status, /^State:\s+[RSD]/m);
}
