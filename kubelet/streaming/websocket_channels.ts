import { Deadline } from "../../async/deadline.ts";
import { getLogger } from "../../async/log.ts";
import { TaskGroup } from "../../async/task_group.ts";
import type { Status } from "../../k8s/types.ts";
import { channelMessage, readChannelMessage } from "./channel_message.ts";
import type { WantedChannels } from "./channels.ts";
import {
  type CommandSessionOptions,
  defaultFinishMs,
  SessionLife,
  type UseChannels,
} from "./command_session.ts";
import { statusBytes } from "./command_status.ts";
import { InputQueue } from "./input_queue.ts";
import { TerminalSizes } from "./terminal_sizes.ts";
import type { WebSocketConnection } from "./websocket.ts";

/** What exec and attach speak over WebSocket; a client that names none means `channel.k8s.io`. */
export const webSocketCommandProtocols: readonly string[] = [
  "v5.channel.k8s.io",
  "v4.channel.k8s.io",
  "v4.base64.channel.k8s.io",
  "channel.k8s.io",
  "base64.channel.k8s.io",
  "",
];

const numbers = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 };
/** Ends the channel whose number follows, in version 5. */
const endChannel = 255;
/** A pong waits for no more than one message. */
const messageBytes = 64 * 1024;

const log = getLogger("kubelet");

/**
 * Serves one exec or attach on a WebSocket, which it closes, with code 1000 after the command's
 * end: a number before each message says whose it is. Resolves when the connection is gone.
 */
export async function serveWebSocketCommand(
  ws: WebSocketConnection,
  options: CommandSessionOptions,
  use: UseChannels,
): Promise<void> {
  const { protocol, wanted, idleMs, finishMs = defaultFinishMs } = options;
  await using tasks = new TaskGroup(options.signal);
  const destroy = () => ws.destroy();
  tasks.signal.addEventListener("abort", destroy, { once: true });
  if (tasks.signal.aborted) return destroy();
  const life = new SessionLife();
  const channels = new Channels(ws, { protocol, wanted, life });
  tasks.spawn(async (signal) => {
    await ws.keepAlive({ signal });
    life.leave(); // which `receive` does not see while the command takes no input
  });
  tasks.spawn(() => channels.receive());
  life.watch(tasks, { idleMs, end: () => ws.close() });
  await channels.greet();

  const { stdin, sizes } = channels;
  const output = (channel: number) =>
    life.output((bytes) => channels.send(channel, bytes));
  await use({
    ...(stdin && { stdin: stdin.readable }),
    ...(wanted.stdout && { stdout: output(numbers.stdout) }),
    ...(wanted.stderr && { stderr: output(numbers.stderr) }),
    ...(sizes && { resize: sizes.readable }),
    tty: wanted.tty,
    signal: AbortSignal.any([tasks.signal, life.left]),
    finish: async (outcome) => {
      using limit = new Deadline(finishMs, tasks);
      limit.signal.addEventListener("abort", destroy);
      await channels.tell(outcome);
      await ws.close();
    },
  });
}

/** What the numbers of one protocol mean. */
class Channels {
  readonly stdin: InputQueue | undefined;
  readonly sizes: TerminalSizes | undefined;
  readonly #ws: WebSocketConnection;
  readonly #protocol: string;
  readonly #base64: boolean;
  readonly #wanted: WantedChannels;
  readonly #life: SessionLife;

  constructor(
    ws: WebSocketConnection,
    { protocol, wanted, life }: {
      readonly protocol: string;
      readonly wanted: WantedChannels;
      readonly life: SessionLife;
    },
  ) {
    this.#ws = ws;
    this.#protocol = protocol;
    this.#base64 = protocol.includes("base64.");
    this.#wanted = wanted;
    this.#life = life;
    this.stdin = wanted.stdin ? new InputQueue() : undefined;
    this.sizes = wanted.tty ? new TerminalSizes() : undefined;
  }

  /** Shows that the connection is there, as the kubelet: by nothing on the first output. */
  async greet(): Promise<void> {
    const { stdout, stderr } = this.#wanted;
    const first = stdout
      ? numbers.stdout
      : stderr
      ? numbers.stderr
      : numbers.error;
    try {
      await this.#write(first, new Uint8Array());
    } catch (error) {
      log.debug("Lost the client of a remote command", { error });
    }
  }

  /** Hands out what comes until the client is gone. Slow input makes the client wait. */
  async receive(): Promise<void> {
    for (;;) {
      const message = await this.#ws.read();
      if (message === undefined) break;
      if (this.#protocol.startsWith("v5.") && message.data[0] === endChannel) {
        if (this.#end(message.data)) continue;
        this.#life.leave("The client broke the protocol");
        await this.#ws.close(1002);
        break;
      }
      const received = readChannelMessage(message, { base64: this.#base64 });
      if (received === undefined) continue;
      const { channel, bytes } = received;
      this.#life.touch();
      if (channel === numbers.resize) this.sizes?.feed(bytes);
      if (channel !== numbers.stdin) continue;
      const room = this.stdin?.push(bytes);
      if (room) await room;
    }
    this.#life.leave();
    this.stdin?.fail(new Error("The client left before the end of its input"));
    this.sizes?.end();
  }

  /** Sends bytes of an output, or rejects when the client is gone. */
  async send(channel: number, bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length; sent += messageBytes) {
      await this.#write(channel, bytes.subarray(sent, sent + messageBytes));
    }
  }

  /** Sends the outcome, if the client is still there, and drops what comes from now on. */
  async tell(outcome: Status): Promise<void> {
    this.stdin?.end();
    const json = /^v[45]\./.test(this.#protocol);
    try {
      await this.send(numbers.error, statusBytes(outcome, { json }));
    } catch (error) {
      log.debug("A client did not take the end of its command", { error });
    }
  }

  /** Ends a channel; false if the message names none. */
  #end(data: Uint8Array): boolean {
    const [, channel] = data;
    if (data.length !== 2 || channel === undefined) return false;
    if (channel > numbers.resize) return false;
    if (channel === numbers.stdin) this.stdin?.end();
    if (channel === numbers.resize) this.sizes?.end();
    return true;
  }

  async #write(channel: number, bytes: Uint8Array): Promise<void> {
    const options = { base64: this.#base64 };
    const { data, kind } = channelMessage({ channel, bytes }, options);
    await this.#ws.write(data, kind);
  }
}
