import { isIPv4, isIPv6 } from "node:net";
import type { AbortOptions } from "../../async/abort.ts";
import type { DuplexStream } from "../../async/byte_stream.ts";
import type { PortConnection } from "../runtime.ts";
import { connectCommand } from "./api_relay.ts";
import type { ContainerInspect } from "./engine/api_types.ts";
import type { EngineClient } from "./engine/engine_client.ts";
import { FrameReader } from "./engine/demultiplex.ts";
import { endCommand } from "./end_command.ts";
import type { Host } from "./host.ts";
import { notRunning } from "./not_running.ts";

/** What of an engine connections to ports need. */
export type PortEngine = Pick<
  EngineClient,
  "execCreate" | "execStart" | "execInspect" | "inspectContainer"
>;

/**
 * Connects to a TCP port of the pod of a sandbox: at the pod's address, and where nothing answers
 * there from inside of the pod, so that servers on its 127.0.0.1 are reached as with the kubelet.
 * Rejects with `Deno.errors.ConnectionRefused` when nothing listens in either place, and with
 * `Deno.errors.NotFound` when the sandbox does not run. Aborting drops it.
 */
export async function connectToPod(
  engine: PortEngine,
  host: Host,
  sandbox: ContainerInspect,
  port: number,
  { signal }: AbortOptions,
): Promise<PortConnection> {
  const address = addressOf(sandbox);
  if (address !== undefined) {
    try {
      const stream = await host.dial({ kind: "tcp", host: address, port }, {
        signal,
      });
      return portConnection(stream, { signal });
    } catch (error) {
      const elsewhere = error instanceof Deno.errors.ConnectionRefused ||
        error instanceof Deno.errors.PermissionDenied;
      if (!elsewhere) throw error;
    }
  }
  await mustListen(host, sandbox, port, { signal });
  const inside = await connectInside(engine, host, sandbox.Id, port, {
    signal,
  });
  return portConnection(inside, { signal });
}

/** Where the host reaches the pod; undefined for one that has no address. */
function addressOf(
  { HostConfig, NetworkSettings }: ContainerInspect,
): string | undefined {
  if (HostConfig?.NetworkMode === "host") return "127.0.0.1";
  const networks = [
    NetworkSettings,
    ...Object.values(NetworkSettings?.Networks ?? {}),
  ];
  const addresses = networks.flatMap((network) => [
    network?.IPAddress ?? "",
    network?.GlobalIPv6Address ?? "",
  ]);
  return addresses.find(isIPv4) ?? addresses.find(isIPv6);
}

/**
 * Prints whether something listens on a port in the network of a process: its sockets in state 0A.
 * Arguments: the process and the port in hexadecimal.
 */
const listenerScript = `
[ -r "/proc/$1/net/tcp" ] || exit 0
cat "/proc/$1/net/tcp" "/proc/$1/net/tcp6" 2>/dev/null |
  grep -q "^ *[0-9]*: [0-9A-F]*:$2 [0-9A-F]*:[0-9A-F]* 0A " && exit 0
echo silent
`;

/** Rejects when nothing listens in the pod: what a command there would tell much later. */
async function mustListen(
  host: Host,
  { State }: ContainerInspect,
  port: number,
  options: AbortOptions,
): Promise<void> {
  const hexadecimal = port.toString(16).toUpperCase().padStart(4, "0");
  const args = [String(State.Pid ?? 0), hexadecimal];
  const { stdout } = await host.run(listenerScript, args, options);
  if (stdout.trim() !== "silent") return;
  throw new Deno.errors.ConnectionRefused(
    `Cannot connect to port ${port}: connection refused, nobody listens`,
  );
}

/** A connection by a command in the sandbox, which is ended when it is dropped. */
async function connectInside(
  engine: PortEngine,
  host: Host,
  container: string,
  port: number,
  { signal }: AbortOptions,
): Promise<DuplexStream> {
  const command = connectCommand(port);
  const execId = await notRunning(
    container,
    engine.execCreate(container, { command, stdin: true, tty: false }, {
      signal,
    }),
  );
  const stream = await notRunning(
    container,
    engine.execStart(execId, { tty: false, signal }),
  );
  const kill = () => void endCommand({ engine, host, container, execId });
  return new CommandStream(stream, kill);
}

/** The standard input and output of a command. */
class CommandStream implements DuplexStream {
  readonly #stream: DuplexStream;
  readonly #kill: () => void;
  readonly #frames = new FrameReader();
  #pieces: readonly Uint8Array[] = [];
  #over = false;

  constructor(stream: DuplexStream, kill: () => void) {
    this.#stream = stream;
    this.#kill = kill;
  }

  async read(): Promise<Uint8Array | undefined> {
    while (this.#pieces.length === 0) {
      const chunk = await this.#stream.read();
      if (chunk === undefined) {
        this.#over = true;
        return undefined;
      }
      this.#pieces = [...this.#frames.read(chunk)]
        .filter(({ stream }) => stream === "stdout")
        .map(({ bytes }) => bytes);
    }
    const [piece, ...rest] = this.#pieces;
    this.#pieces = rest;
    return piece;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#stream.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#stream.closeWrite();
  }

  async close(): Promise<void> {
    this.#over = true;
    await this.#stream.close();
  }

  destroy(): void {
    this.#stream.destroy();
    // Engines let a command go on whose streams are gone.
    if (!this.#over) this.#kill();
    this.#over = true;
  }
}

/** The two directions of a stream, which is destroyed when both have ended, or on abort. */
export function portConnection(
  stream: DuplexStream,
  { signal }: AbortOptions,
): PortConnection {
  const aborted = () => {
    drop();
    reading?.error(signal.reason);
    writing?.error(signal.reason);
  };
  let reading: ReadableStreamDefaultController<Uint8Array> | undefined;
  let writing: WritableStreamDefaultController | undefined;
  let open = 2;
  const drop = () => {
    signal.removeEventListener("abort", aborted);
    stream.destroy();
  };
  const ended = () => {
    if (--open === 0) drop();
  };
  const readable = new ReadableStream<Uint8Array>({
    start: (controller) => void (reading = controller),
    async pull(controller) {
      const bytes = await stream.read();
      if (signal.aborted) return;
      if (bytes !== undefined) return controller.enqueue(bytes.slice());
      controller.close();
      ended();
    },
    cancel: ended,
  }, { highWaterMark: 0 });
  const writable = new WritableStream<Uint8Array>({
    start: (controller) => void (writing = controller),
    write: (bytes) => stream.write(bytes),
    async close() {
      await stream.closeWrite();
      ended();
    },
    abort: drop,
  });
  signal.addEventListener("abort", aborted, { once: true });
  if (signal.aborted) aborted();
  return { readable, writable };
}
