import assert from "node:assert/strict";
import type { Status } from "../k8s/types.ts";
import type { WebSocketConnection } from "../kubelet/streaming/websocket.ts";

/** For tests: the kubelet's end of one exec or attach, by hand. */
export class TestSession {
  readonly connection: WebSocketConnection;

  constructor(connection: WebSocketConnection) {
    this.connection = connection;
  }

  async send(channel: number, data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string"
      ? new TextEncoder().encode(data)
      : data;
    await this.connection.write(Uint8Array.of(channel, ...bytes));
  }

  /** Tells how it ended: an exit code, or a whole Status. */
  async finish(outcome: number | Status): Promise<void> {
    await this.send(
      3,
      JSON.stringify(typeof outcome === "number" ? exited(outcome) : outcome),
    );
  }

  /** The next message: its channel and its text; undefined at the end. */
  async receive(): Promise<readonly [number, string] | undefined> {
    const message = await this.connection.read();
    if (message === undefined) return undefined;
    const { data: [channel = -1, ...bytes] } = message;
    return [channel, new TextDecoder().decode(Uint8Array.from(bytes))];
  }

  /** Fails unless the next message is `text` on `channel`. */
  async expect(channel: number, text: string): Promise<void> {
    assert.deepEqual(await this.receive(), [channel, text]);
  }
}

function exited(code: number): Status {
  if (code === 0) return { status: "Success" };
  return {
    status: "Failure",
    reason: "NonZeroExitCode",
    message: `command terminated with non-zero exit code: exit status ${code}`,
    details: { causes: [{ reason: "ExitCode", message: String(code) }] },
  };
}
