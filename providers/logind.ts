import { abortable, type AbortOptions } from "../async/abort.ts";
import { Deadline } from "../async/deadline.ts";
import { logindScript } from "./logind_script.ts";
import type { MachineShutdown } from "./machine_shutdown.ts";

/** A shell script that runs on a machine. */
export interface ScriptProcess extends AsyncDisposable {
  readonly stdin: WritableStream<Uint8Array>;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
}

/** Starts a POSIX shell script on a machine. */
export type SpawnScript = (
  script: string,
  options: AbortOptions,
) => Promise<ScriptProcess>;

/** Milliseconds for the lock to be had and the state to be told. */
const startTimeout = 30_000;

/** What a line of {@linkcode logindScript} means. */
export type LogindNews =
  | { readonly kind: "unwatched"; readonly message: string }
  | { readonly kind: "delay"; readonly ms: number }
  | { readonly kind: "locked" }
  /** The answer to a question. */
  | { readonly kind: "preparing"; readonly value: boolean }
  | { readonly kind: "signal"; readonly value: boolean }
  | { readonly kind: "ended"; readonly task: "lock" | "watch" };

/** Reads what {@linkcode logindScript} prints, of whichever monitor the machine has. */
export class LogindLines {
  /** Whether the signal was named whose value is on a line of its own. */
  #named = false;

  /** Takes the next line; what it says, or undefined if that is nothing. */
  take(line: string): LogindNews | undefined {
    const [word = "", ...rest] = line.trim().split(" ");
    const value = line.includes("true");
    switch (word) {
      case "unsupported":
        return { kind: "unwatched", message: rest.join(" ") };
      case "delay":
        return { kind: "delay", ms: Number(rest.at(-1)) / 1000 };
      case "locked":
        return { kind: "locked" };
      case "preparing":
        return { kind: "preparing", value };
      case "ended":
        return { kind: "ended", task: rest[0] === "lock" ? "lock" : "watch" };
    }
    // `PrepareForShutdownWithMetadata` follows, and says the same again.
    if (/\bPrepareForShutdown\b/.test(line)) this.#named = true;
    if (!this.#named || !/\b(true|false)\b/.test(line)) return undefined;
    this.#named = false;
    return { kind: "signal", value };
  }
}

/**
 * Tells of a machine's shutdown by its systemd-logind, which waits for us: one script runs there
 * all the time, and nothing polls. Ends after `unwatched` alone.
 *
 * @throws When the script ends, or the machine lets nobody delay its shutdown.
 */
export async function* watchLogind(
  spawn: SpawnScript,
  { signal }: AbortOptions,
): AsyncGenerator<MachineShutdown> {
  await using process = await spawn(logindScript, { signal });
  const complaint = lastWords(process.stderr);
  const reader = process.stdout.getReader();
  const writer = process.stdin.getWriter();
  await using _ = {
    async [Symbol.asyncDispose]() {
      // Its end is what the script waits for; a machine that is gone needs to be told nothing.
      await writer.close().catch(() => undefined);
      await reader.cancel().catch(() => undefined);
    },
  };
  const say = (word: string) =>
    writer.write(new TextEncoder().encode(`${word}\n`));
  using start = new Deadline(startTimeout, { signal });
  let patience: AbortSignal = start.signal;
  const lines = new LogindLines();
  let maxDelayMs = 0;
  let lock: "wanted" | "held" | "released" = "wanted";
  /** Undefined until it is known. */
  let preparing: boolean | undefined;
  const release = async () => {
    lock = "released";
    // A machine that is gone waits for nobody.
    await say("release").catch(() => undefined);
  };
  const told = (now: boolean, before: boolean | undefined): MachineShutdown => {
    if (now) return { kind: "shuttingDown", maxDelayMs, release };
    if (before === true) return { kind: "cancelled" };
    return { kind: "watching", maxDelayMs };
  };
  await say("hold");
  for await (const line of textLines(reader, () => patience)) {
    const news = lines.take(line);
    switch (news?.kind) {
      case "unwatched":
        yield news;
        return;
      case "delay":
        maxDelayMs = news.ms;
        break;
      case "locked":
        lock = "held";
        await say("state");
        break;
      case "ended":
        if (news.task === "watch") {
          throw new Error("Cannot watch logind: its monitor has ended");
        }
        // A shutdown that goes on already takes no more locks.
        if (lock === "wanted") await say("state");
        break;
      case "preparing":
      case "signal":
        if (news.kind === "preparing" && !news.value && lock !== "held") {
          throw new Error(`Cannot delay the shutdown: ${await complaint()}`);
        }
        if (news.value === preparing) break;
        patience = signal;
        if (!news.value && preparing === true) {
          lock = "wanted";
          await say("hold");
        }
        yield told(news.value, preparing);
        preparing = news.value;
        break;
      case undefined:
    }
  }
  signal.throwIfAborted();
  throw new Error(`Cannot watch logind: ${await complaint()}`);
}

async function* textLines(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  patience: () => AbortSignal,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { value, done } = await abortable(reader.read(), {
      signal: patience(),
    });
    if (done) return;
    rest += decoder.decode(value, { stream: true });
    const lines = rest.split("\n");
    // No line of ours is long: what has no end is not for us.
    rest = (lines.pop() ?? "").slice(0, 4096);
    yield* lines;
  }
}

/** Reads a stream to its end, in the background; gives the last line so far. */
function lastWords(stream: ReadableStream<Uint8Array>): () => Promise<string> {
  let text = "";
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      text = (text + decoder.decode(chunk, { stream: true })).slice(-500);
    }
  })().catch(() => undefined); // The process is gone; what it said counts.
  return async () => {
    // It may be said a moment after what it is the reason of.
    using patience = new Deadline(200, {
      signal: new AbortController().signal,
    });
    await abortable(reading, patience).catch(() => undefined);
    return text.trim().split("\n").at(-1) || "it did not say why";
  };
}
