import assert from "node:assert/strict";
import { needing } from "../../../tests/needing.ts";
import { sshdMissing } from "../../../tests/sshd.ts";
import type { DuplexStream } from "../../../async/byte_stream.ts";
import { processStream } from "./process_stream.ts";
import { relayScript } from "./relay_script.ts";
import { EngineHost } from "./test_engine_host.ts";

/** Docker's and Podman's own ask for an engine at the socket first. */
const relays = { nc: "nc", python3: "python3" };

for (const [relay, program] of Object.entries(relays)) {
  Deno.test({
    ...needing(
      sshdMissing() ?? missing(program),
      `relayScript passes on the end of either side, and waits for the other (${relay})`,
    ),
    async fn() {
      const signal = AbortSignal.timeout(20_000);
      await using stage = await EngineHost.start({ signal });
      const path = `${stage.socket}.relayed`;
      const listener = Deno.listen({ transport: "unix", path });
      const dial = async () => {
        const process = await stage.host.spawn(relayScript, [path, relay], {
          signal,
        });
        const [stream, conn] = [
          processStream(process),
          await listener.accept(),
        ];
        return { stream, conn };
      };

      const one = await dial();
      await one.conn.write(encoder.encode("bye"));
      one.conn.close();
      assert.equal(await readAll(one.stream), "bye");
      await one.stream.close();

      const two = await dial();
      await two.stream.write(encoder.encode("question"));
      await two.stream.closeWrite();
      const buffer = new Uint8Array(64);
      let question = "";
      for (;;) {
        const count = await two.conn.read(buffer);
        if (count === null) break;
        question += new TextDecoder().decode(buffer.subarray(0, count));
      }
      assert.equal(question, "question");
      await two.conn.write(encoder.encode("answer"));
      two.conn.close();
      assert.equal(await readAll(two.stream), "answer");
      await two.stream.close();
      listener.close();
    },
  });
}

const encoder = new TextEncoder();

async function readAll(stream: DuplexStream): Promise<string> {
  let text = "";
  for (;;) {
    const chunk = await stream.read();
    if (chunk === undefined) return text;
    text += new TextDecoder().decode(chunk);
  }
}

function missing(program: string): string | undefined {
  const { code } = new Deno.Command("sh", {
    args: ["-c", `command -v ${program}`],
    stdout: "null",
  }).outputSync();
  return code === 0 ? undefined : `no ${program} here`;
}
