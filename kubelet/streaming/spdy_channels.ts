import {
  abortable,
  type AbortOptions,
  untilAborted,
} from "../../async/abort.ts";
import { Deadline } from "../../async/deadline.ts";
import { delay } from "../../async/delay.ts";
import { getLogger } from "../../async/log.ts";
import { TaskGroup } from "../../async/task_group.ts";
import type { Status } from "../../k8s/types.ts";
import type { WantedChannels } from "./channels.ts";
import {
  type CommandSessionOptions,
  defaultFinishMs,
  SessionLife,
  type UseChannels,
} from "./command_session.ts";
import { statusBytes } from "./command_status.ts";
import { defaultCreationTimeout } from "./port_forward.ts";
import type { SpdySession, SpdyStream } from "./spdy_session.ts";
import { TerminalSizes } from "./terminal_sizes.ts";

type StreamType = "stdin" | "stdout" | "stderr" | "error" | "resize";

/** The streams that a client has opened. */
type CommandStreams = Partial<Record<StreamType, SpdyStream>> & {
  readonly error: SpdyStream;
};

/** What exec and attach speak over SPDY, the newest first. */
export const spdyCommandProtocols: readonly string[] = [
  "v4.channel.k8s.io",
  "v3.channel.k8s.io",
  "v2.channel.k8s.io",
  "channel.k8s.io",
];

/** Of those, the ones with a stream for the terminal's size. */
const resizable = ["v4.channel.k8s.io", "v3.channel.k8s.io"];

const pingInterval = 30_000;

const log = getLogger("kubelet");

/**
 * Serves one exec or attach on a session, which it runs and closes: a stream for each channel,
 * and `use` once the client has opened them all. Resolves when the connection is gone.
 */
export async function serveSpdyCommand(
  session: SpdySession,
  options: CommandSessionOptions,
  use: UseChannels,
): Promise<void> {
  const { protocol, wanted, idleMs, finishMs = defaultFinishMs } = options;
  await using tasks = new TaskGroup(options.signal);
  const life = new SessionLife();
  tasks.spawn((signal) => runSession(session, life, { signal }));
  tasks.spawn((signal) => keepAlive(session, { signal }));
  life.watch(tasks, { idleMs, end: () => session.close() });
  const types = expectedTypes(protocol, wanted);
  const streams = await receiveStreams(session, types, options);
  if (streams === undefined) return await session.close();
  tasks.spawn(() => refuseStreams(session));
  // Clients send nothing on those, but what nobody reads would hold up the session.
  for (const output of [streams.stdout, streams.stderr, streams.error]) {
    if (output) tasks.spawn(() => drain(output));
  }

  const { stdin, stdout, stderr, resize } = streams;
  const sizes = resize && readSizes(resize, tasks);
  const signal = AbortSignal.any([tasks.signal, life.left]);
  await use({
    ...(stdin && { stdin: readInput(stdin, tasks, life) }),
    ...(stdout && { stdout: life.output((bytes) => stdout.write(bytes)) }),
    ...(stderr && { stderr: life.output((bytes) => stderr.write(bytes)) }),
    ...(sizes && { resize: sizes.readable }),
    tty: wanted.tty,
    signal,
    finish: async (outcome) => {
      if (signal.aborted) return await session.close();
      // Read on for as long as the client sends: a reset of its stream alarms client-go.
      if (stdin) tasks.spawn(() => drain(stdin));
      const json = protocol === "v4.channel.k8s.io";
      try {
        using limit = new Deadline(finishMs, tasks);
        await abortable(tell(streams, outcome, json), limit);
        // The client closes once it has read everything. If we did, a late ping of it would make
        // our kernel throw away what it has not read yet.
        await abortable(untilAborted(life.left), limit);
      } catch (error) {
        log.debug("A client did not take the end of its command", { error });
      }
      await session.close();
    },
  });
}

function expectedTypes(
  protocol: string,
  { stdin, stdout, stderr, tty }: WantedChannels,
): ReadonlySet<StreamType> {
  const types = new Set<StreamType>(["error"]);
  if (stdin) types.add("stdin");
  if (stdout) types.add("stdout");
  if (stderr) types.add("stderr");
  if (tty && resizable.includes(protocol)) types.add("resize");
  return types;
}

/** A client that breaks the protocol has left as any other. */
async function runSession(
  session: SpdySession,
  life: SessionLife,
  { signal }: AbortOptions,
): Promise<void> {
  try {
    await session.run({ signal });
  } catch (error) {
    log.debug("Lost the client of a remote command", { error });
  } finally {
    life.leave();
  }
}

async function keepAlive(
  session: SpdySession,
  { signal }: AbortOptions,
): Promise<void> {
  for (;;) {
    await delay(pingInterval, { signal });
    session.ping();
  }
}

/** Undefined when the client left, or took too long to open them all. */
async function receiveStreams(
  session: SpdySession,
  types: ReadonlySet<StreamType>,
  { creationMs = defaultCreationTimeout, signal }: CommandSessionOptions,
): Promise<CommandStreams | undefined> {
  using limit = new Deadline(creationMs, { signal });
  const streams: Partial<Record<StreamType, SpdyStream>> = {};
  for (;;) {
    const { error } = streams;
    const count = Object.keys(streams).length;
    if (error !== undefined && count === types.size) {
      return { ...streams, error };
    }
    const stream = await acceptWithin(session, limit);
    if (stream === undefined) return undefined;
    const name = stream.headers.get("streamtype");
    const type = [...types].find((type) => type === name);
    if (type === undefined || streams[type] !== undefined) {
      log.debug("Refused a stream of a remote command", { type: name });
      await stream.reset();
    } else {
      streams[type] = stream;
    }
  }
}

async function acceptWithin(
  session: SpdySession,
  limit: Deadline,
): Promise<SpdyStream | undefined> {
  try {
    return await abortable(session.accept(), limit);
  } catch (error) {
    if (!limit.signal.aborted) throw error;
    log.debug("A client did not open its streams", { error });
    return undefined;
  }
}

/** Lets no late stream hold up the others. */
async function refuseStreams(session: SpdySession): Promise<void> {
  for (;;) {
    const stream = await session.accept();
    if (stream === undefined) return;
    await stream.reset();
  }
}

/** What the client sends to the command; fails if the client is gone before it has ended it. */
function readInput(
  stream: SpdyStream,
  tasks: TaskGroup,
  life: SessionLife,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const bytes = await stream.read();
      if (bytes !== undefined) {
        life.touch();
        return controller.enqueue(bytes);
      }
      // A stream that is lost or was reset seems to end, but takes nothing any more.
      await stream.write(new Uint8Array());
      controller.close();
    },
    // Nobody wants it, but what nobody reads would hold up the session.
    cancel: () => tasks.spawn(() => drain(stream)),
  }, { highWaterMark: 0 });
}

function readSizes(stream: SpdyStream, tasks: TaskGroup): TerminalSizes {
  const sizes = new TerminalSizes();
  tasks.spawn(async () => {
    for (;;) {
      const bytes = await stream.read();
      if (bytes === undefined) break;
      sizes.feed(bytes);
    }
    sizes.end();
  });
  return sizes;
}

async function drain(stream: SpdyStream): Promise<void> {
  while (await stream.read() !== undefined);
}

/** Writes the outcome and ends what the client reads. */
async function tell(
  { stdout, stderr, error }: CommandStreams,
  outcome: Status,
  json: boolean,
): Promise<void> {
  await error.write(statusBytes(outcome, { json }));
  for (const stream of [stdout, stderr, error]) await stream?.end();
}
