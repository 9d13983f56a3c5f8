import type { AbortOptions } from "../../async/abort.ts";
import { UnreachableError } from "../errors.ts";
import type { Host, RemoteProcess } from "./host.ts";

/** Which file to read, and how long. */
export interface LogSessionOptions extends AbortOptions {
  readonly path: string;
  /** Whether to go on until the container ends. */
  readonly follow: boolean;
  /** The process of the container while it runs. */
  readonly pid?: number;
}

/** Positions are in these: what every `dd` can skip without reading. */
export const blockBytes = 4_096;

const unreadable = 66;

/**
 * Arguments: the file, the process or 0, `follow` or nothing, the block to begin at or nothing. Asked
 * on its standard input for sizes and parts, then told where to begin.
 *
 * The file stays open, and its descriptor's offset is where the next \`cat\` goes on: what conmon
 * puts aside when it begins a new file is read to its end first. While conmon is at work it has
 * \`ctl\` beside the file. When nobody listens any more the input ends, which a shell that waits
 * does not see by itself.
 */
const script = `
[ -f "$1" ] && [ -r "$1" ] || exit ${unreadable}
exec 3<"$1" || exit ${unreadable}
block=$4
while [ -z "$block" ]; do
  read -r verb first second || exit 0
  case $verb in
  size) stat -L -c %s /proc/self/fd/3 || exit 1 ;;
  read) dd bs=${blockBytes} skip="$first" </proc/self/fd/3 2>/dev/null | head -c "$second" ;;
  from) block=$first ;;
  esac
done
[ "$block" = 0 ] || dd bs=${blockBytes} skip="$block" count=0 <&3 >/dev/null 2>&1 || exit 1
[ "$3" = follow ] || exec cat <&3
exec 4<&0
(cat <&4 >/dev/null; kill $$) >/dev/null 2>&1 3<&- &
watcher=$!
patience=50
while :; do
  running=
  if [ -d "/proc/$2" ]; then running=1
  elif [ -e "\${1%/*}/ctl" ] && [ "$patience" -gt 0 ]; then
    patience=$((patience - 1))
    running=1
  fi
  cat <&3 || break
  if ! [ "$1" -ef /proc/self/fd/3 ]; then
    cat <&3 || break
    [ -f "$1" ] || break
    exec 3<"$1"
    continue
  fi
  [ -n "$running" ] || break
  sleep 0.1 2>/dev/null || sleep 1
done
kill "$watcher" 2>/dev/null
exit 0
`;

/** A file on a host that is open for one reader, who first looks into it, then reads on from somewhere. */
export class LogSession implements AsyncDisposable {
  readonly #host: Host;
  readonly #process: RemoteProcess;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #errors = "";

  private constructor(host: Host, process: RemoteProcess) {
    this.#host = host;
    this.#process = process;
    this.#reader = process.stdout.getReader();
    this.#writer = process.stdin.getWriter();
    this.#listen().catch(() => undefined); // The output fails as well.
  }

  /** Opens it; with `atOnce` it is read from its start, without a look into it. */
  static async open(
    host: Host,
    { path, follow, pid = 0, atOnce, signal }: LogSessionOptions & {
      readonly atOnce: boolean;
    },
  ): Promise<LogSession> {
    const process = await host.spawn(script, [
      path,
      String(pid),
      follow ? "follow" : "",
      atOnce ? "0" : "",
    ], { signal });
    return new LogSession(host, process);
  }

  /** Bytes of the file now; undefined when the file is not there or not for this user. */
  async size(): Promise<number | undefined> {
    await this.#ask("size");
    let text = "";
    while (!text.endsWith("\n")) {
      const chunk = await this.#next();
      if (chunk === undefined) {
        await this.#end();
        return undefined;
      }
      text += new TextDecoder().decode(chunk);
    }
    return Number(text);
  }

  /** A part of the file that is there, from a block on. */
  async part(block: number, length: number): Promise<Uint8Array> {
    await this.#ask(`read ${block} ${length}`);
    const bytes = new Uint8Array(length);
    for (let filled = 0; filled < length;) {
      const chunk = await this.#next();
      if (chunk === undefined) {
        await this.#end();
        throw new Error("Cannot read a log: the file has become shorter");
      }
      bytes.set(chunk, filled);
      filled += chunk.length;
    }
    return bytes;
  }

  /** Says where {@linkcode LogSession.read} begins. */
  async from(block: number): Promise<void> {
    await this.#ask(`from ${block}`);
  }

  /**
   * The next bytes; `end` after the last ones, and `unreadable` when the file is not there or not
   * for this user. Rejects with an `UnreachableError` when the connection is lost.
   */
  async read(): Promise<Uint8Array | "end" | "unreadable"> {
    return await this.#next() ?? await this.#end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }

  async #next(): Promise<Uint8Array | undefined> {
    const { value } = await this.#reader.read();
    return value;
  }

  async #ask(line: string): Promise<void> {
    try {
      await this.#writer.write(new TextEncoder().encode(`${line}\n`));
    } catch (error) {
      // That it has ended shows when its answer is read.
      if (error instanceof UnreachableError) throw error;
    }
  }

  async #listen(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#process.stderr) {
      if (this.#errors.length < 1_000) this.#errors += decoder.decode(chunk);
    }
  }

  async #end(): Promise<"end" | "unreadable"> {
    const { code } = await this.#process.ended;
    if (code === 0) return "end";
    if (code === unreadable) return "unreadable";
    if (code === undefined) {
      throw new UnreachableError(
        `Cannot read a log: the connection to ${this.#host.name} was lost`,
      );
    }
    throw new Error(
      `Cannot read a log on ${this.#host.name}: ${
        this.#errors.trim() || `exit code ${code}`
      }`,
    );
  }
}
