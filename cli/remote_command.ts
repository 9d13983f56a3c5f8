import { abortable, type AbortOptions } from "../async/abort.ts";
import { TaskGroup } from "../async/task_group.ts";
import type { Status } from "../k8s/types.ts";
import type { ByteStream } from "../async/byte_stream.ts";
import { WebSocketConnection } from "../kubelet/streaming/websocket.ts";
import type { TerminalSize } from "../providers/runtime.ts";

/** The WebSocket protocol of {@linkcode remoteCommand}: channels, half-close and exit codes. */
export const remoteCommandProtocol = "v5.channel.k8s.io";

/** The local ends of a command's streams. An output that is absent is thrown away. */
export interface LocalStreams {
  /** As `Deno.stdin`; a read that is pending at the end is left alone. */
  readonly stdin?: { read(buffer: Uint8Array): Promise<number | null> };
  readonly stdout?: { write(bytes: Uint8Array): Promise<void> };
  readonly stderr?: { write(bytes: Uint8Array): Promise<void> };
  /** The size of the terminal, at first and whenever it changes. */
  readonly sizes?: (options: AbortOptions) => AsyncIterable<TerminalSize>;
}

/** How a command in a container has ended. */
export type RemoteOutcome =
  /** With the exit code 0; or the process that was attached to has ended. */
  | { readonly kind: "succeeded" }
  | { readonly kind: "exited"; readonly code: number }
  /** It could not be run; `message` says why. */
  | { readonly kind: "failed"; readonly message: string }
  /** The connection ended before the command did, as far as anybody knows. */
  | { readonly kind: "lost" };

const channels = { stdin: 0, stdout: 1, stderr: 2, status: 3, resize: 4 };
/** Ends the channel whose number follows. */
const endChannel = 255;
const stdinChunkBytes = 32 * 1024;

/**
 * Connects a command in a container to the local streams until it has ended; `stream` speaks
 * {@linkcode remoteCommandProtocol} from here on, and is closed afterwards. Rejects with the
 * signal's reason, or when a local stream fails.
 */
export async function remoteCommand(
  stream: ByteStream,
  { stdin, sizes, ...outputs }: LocalStreams,
  { signal }: AbortOptions,
): Promise<RemoteOutcome> {
  const connection = new WebSocketConnection(stream, { role: "client" });
  const destroy = () => connection.destroy();
  await using group = new TaskGroup(signal);
  group.signal.addEventListener("abort", destroy, { once: true });
  try {
    group.signal.throwIfAborted();
    if (stdin) {
      group.spawn((signal) => sendInput(connection, stdin, { signal }));
    }
    if (sizes) {
      group.spawn((signal) => sendSizes(connection, sizes({ signal })));
    }
    const status = await receive(connection, outputs);
    if (group.signal.aborted) await group.join();
    signal.throwIfAborted();
    return outcomeOf(status);
  } finally {
    group.signal.removeEventListener("abort", destroy);
    if (group.signal.aborted) destroy();
    else await connection.close();
  }
}

/** Writes what the command says until the connection ends; resolves its status, as JSON. */
async function receive(
  connection: WebSocketConnection,
  { stdout, stderr }: Pick<LocalStreams, "stdout" | "stderr">,
): Promise<string> {
  const decoder = new TextDecoder();
  let status = "";
  for (;;) {
    const message = await connection.read();
    if (message === undefined) return status;
    const bytes = message.data.subarray(1);
    if (bytes.length === 0) continue; // the peer shows that it is there
    switch (message.data[0]) {
      case channels.stdout:
        await stdout?.write(bytes);
        break;
      case channels.stderr:
        await stderr?.write(bytes);
        break;
      case channels.status:
        status += decoder.decode(bytes, { stream: true });
        break;
    }
  }
}

async function sendInput(
  connection: WebSocketConnection,
  stdin: NonNullable<LocalStreams["stdin"]>,
  { signal }: AbortOptions,
): Promise<void> {
  const message = new Uint8Array(1 + stdinChunkBytes);
  message[0] = channels.stdin;
  for (;;) {
    const reading = stdin.read(message.subarray(1));
    const count = await abortable(reading, { signal });
    const sent = count === null
      ? Uint8Array.of(endChannel, channels.stdin)
      : message.subarray(0, 1 + count);
    if (!await send(connection, sent) || count === null) return;
  }
}

async function sendSizes(
  connection: WebSocketConnection,
  sizes: AsyncIterable<TerminalSize>,
): Promise<void> {
  for await (const { columns, rows } of sizes) {
    const size = new TextEncoder().encode(
      `.${JSON.stringify({ Width: columns, Height: rows })}`,
    );
    size[0] = channels.resize;
    if (!await send(connection, size)) return;
  }
}

/** Whether the peer is there still. Why it is not, or how the command ended, is what it said last. */
async function send(
  connection: WebSocketConnection,
  message: Uint8Array,
): Promise<boolean> {
  try {
    await connection.write(message);
    return true;
  } catch {
    return false; // the reading side comes to the end as well
  }
}

/** Reads the status as `remotecommand/v4.go` of client-go does. */
function outcomeOf(json: string): RemoteOutcome {
  if (json === "") return { kind: "lost" };
  const { status, reason, message, details } = parseStatus(json);
  if (status === "Success") return { kind: "succeeded" };
  if (reason !== "NonZeroExitCode") {
    return { kind: "failed", message: message ?? json };
  }
  const cause = details?.causes?.find((cause) => cause.reason === "ExitCode");
  const code = Number(cause?.message ?? NaN);
  return Number.isInteger(code) && code > 0 && code <= 255
    ? { kind: "exited", code }
    : { kind: "failed", message: `${message ?? json} (no exit code given)` };
}

/** What is no JSON is the message of a failure. */
function parseStatus(json: string): Status {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null ? value : {};
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { message: json };
  }
}
