import { messageOf } from "./async/message_of.ts";
import { type AbortOptions, untilAborted } from "./async/abort.ts";
import type { ContainerStatus, Pod, PodStatus } from "./k8s/types.ts";
import type { PodProvider } from "./providers/pod_provider.ts";
import { podIdentity } from "./pods/pod_spec.ts";

/** Where `farlet run` writes. */
export interface Console {
  /** Writes lines of a container's output, which come without their newlines. */
  lines(prefix: string, lines: readonly string[]): void;
  /** Says what happens to a pod. */
  event(
    object: { readonly name?: string },
    event: {
      readonly type: "Normal" | "Warning";
      readonly reason: string;
      readonly message: string;
    },
  ): void;
}

/** Prints the logs of all containers, each line after the name of its pod and container. */
export class LogPrinter {
  readonly #engine: Pick<PodProvider, "readLogs">;
  readonly #pods: ReadonlyMap<string, string>;
  readonly #console: Console;
  /** Attempts whose log is being printed or was, as `uid/container/attempt`. */
  readonly #followed = new Set<string>();
  readonly #printing = new Set<Promise<void>>();
  readonly #stop = new AbortController();

  constructor(
    engine: Pick<PodProvider, "readLogs">,
    pods: readonly Pod[],
    console: Console,
  ) {
    this.#engine = engine;
    this.#pods = new Map(pods.map((pod) => {
      const { uid, name } = podIdentity(pod);
      return [uid, name];
    }));
    this.#console = console;
  }

  /** Stops all printing when the signal aborts. */
  async run({ signal }: AbortOptions): Promise<void> {
    await untilAborted(signal);
    this.#stop.abort();
    await this.drain();
  }

  /** Begins to print the logs of the containers that were started since the last call. */
  follow(uid: string, status: PodStatus): void {
    const containers = [
      ...status.initContainerStatuses ?? [],
      ...status.containerStatuses ?? [],
    ];
    for (const container of containers.filter(wasStarted)) {
      const { name, restartCount } = container;
      // A run may be over, and the next one begun, before it was seen here.
      if (restartCount > 0) this.#begin(uid, name, restartCount - 1, true);
      this.#begin(uid, name, restartCount, false);
    }
  }

  /** Resolves when all that is being printed has come to its end. */
  async drain(): Promise<void> {
    while (this.#printing.size > 0) await Promise.all(this.#printing);
  }

  #begin(uid: string, name: string, attempt: number, previous: boolean): void {
    const key = `${uid}/${name}/${attempt}`;
    if (this.#followed.has(key)) return;
    this.#followed.add(key);
    const ended = () => this.#printing.delete(printing);
    const printing: Promise<void> = this.#print(uid, name, previous, ended);
    this.#printing.add(printing);
  }

  async #print(
    uid: string,
    name: string,
    previous: boolean,
    ended: () => void,
  ): Promise<void> {
    const prefix = `${this.#pods.get(uid) ?? uid}/${name}`;
    try {
      const log = this.#engine.readLogs?.({ podUid: uid, container: name }, {
        follow: true,
        previous,
        timestamps: false,
        signal: this.#stop.signal,
      });
      if (log === undefined) return;
      for await (const some of lines(log)) this.#console.lines(prefix, some);
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      const why = messageOf(error);
      this.#console.lines(prefix, [`(the log ends here: ${why})`]);
    } finally {
      ended();
    }
  }
}

function wasStarted({ containerID }: ContainerStatus): boolean {
  return containerID !== undefined;
}

/** The lines of a stream as they come, many at once; the last one also without a newline. */
async function* lines(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<readonly string[]> {
  let rest = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    if (parts.length > 0) yield parts;
  }
  if (rest !== "") yield [rest];
}
