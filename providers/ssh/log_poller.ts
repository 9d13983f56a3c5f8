import type { AbortOptions } from "../../async/abort.ts";
import { delay } from "../../async/delay.ts";
import { UnreachableError } from "../errors.ts";
import type { LogFilePlace } from "./file_log.ts";
import type { Host } from "./host.ts";
import { runScript } from "./host_script.ts";
import { blockBytes } from "./log_session.ts";
import { Rounds } from "./rounds.ts";

/** A log file as it was at one moment. */
export interface LogFileState {
  /** Another one is another file. */
  readonly inode: string;
  readonly size: number;
  /** Before that: whether the container still ran, or at least who writes its log. */
  readonly writer: "running" | "ending" | "gone";
}

/** A part of a log file. */
export interface LogPart {
  readonly path: string;
  readonly inode: string;
  /** In blocks of {@linkcode blockBytes}. */
  readonly block: number;
  readonly length: number;
}

/** Milliseconds between two looks at files: while something comes, and at most. */
const pauses = { least: 200, most: 1_000 };
/** Bytes that are asked for at once, for all readers together. */
const roundBytes = 4 * 1024 * 1024;
const leastBytes = 64 * 1024;

/**
 * Looks at log files on a host, and reads parts of them, for any number of readers by one session of
 * SSH at a time, which none of them holds for longer than it takes to read what is there.
 */
export class LogPoller {
  readonly #looks: Rounds<LogFilePlace, LogFileState | undefined>;
  readonly #parts: Rounds<LogPart, Uint8Array | undefined>;
  #pause: number = pauses.least;
  #sizes = new Map<string, number>();

  constructor(host: Host) {
    this.#looks = new Rounds(async (places, options) => {
      const states = await lookAt(host, places, options);
      this.#adapt(states);
      return (place) => states.get(place.path);
    });
    this.#parts = new Rounds((parts, options) => readAll(host, parts, options));
  }

  /** The file now; undefined when it is not there. Answers come a while apart. */
  async look(
    place: LogFilePlace,
    options: AbortOptions,
  ): Promise<LogFileState | undefined> {
    return await this.#looks.ask(place, options);
  }

  /** Waits until it is worth while to look again. */
  async pause(options: AbortOptions): Promise<void> {
    await delay(this.#pause, options);
  }

  /** How much of `length` bytes to read at once, as many readers as there are. */
  share(length: number): number {
    const share = roundBytes / Math.max(1, this.#parts.waiting);
    return Math.min(length, Math.max(leastBytes, Math.floor(share)));
  }

  /** A part of the file; undefined when it is another file now, or has not so much. */
  async part(
    part: LogPart,
    options: AbortOptions,
  ): Promise<Uint8Array | undefined> {
    return await this.#parts.ask(part, options);
  }

  #adapt(states: ReadonlyMap<string, LogFileState>): void {
    const grown = [...states].some(([path, { size }]) =>
      this.#sizes.get(path) !== size
    );
    this.#sizes = new Map(
      [...states].map(([path, { size }]) => [path, size]),
    );
    this.#pause = grown
      ? pauses.least
      : Math.min(pauses.most, this.#pause * 1.5);
  }
}

/**
 * Lines `PID PATH` come in; `running PATH` or `ending PATH` or nothing goes out for each, then an
 * empty line and lines `INODE SIZE PATH`. While conmon is at work it has `ctl` beside the file.
 */
const lookScript = `
all=
while IFS=' ' read -r pid path; do
  if [ -d "/proc/$pid" ]; then printf 'running %s\\n' "$path"
  elif [ -e "\${path%/*}/ctl" ]; then printf 'ending %s\\n' "$path"; fi
  all="$all$path
"
done
echo
printf %s "$all" | tr '\\n' '\\000' | xargs -0 stat -L -c '%i %s %n' 2>/dev/null || :
`;

async function lookAt(
  host: Host,
  places: readonly LogFilePlace[],
  { signal }: AbortOptions,
): Promise<ReadonlyMap<string, LogFileState>> {
  const unique = new Map(places.map(({ path, pid = 0 }) => [path, pid]));
  const text = await runScript(host, lookScript, {
    action: "look at the logs of containers",
    stdin: [...unique].map(([path, pid]) => `${pid} ${path}\n`).join(""),
    timeout: 30_000,
    signal,
  });
  const [writers = "", files = ""] = splitOnce(text);
  const known = new Set(writers.split("\n"));
  const states = new Map<string, LogFileState>();
  for (const line of files.split("\n")) {
    const [, inode = "", size = "", path = ""] =
      /^(\d+) (\d+) (.*)$/.exec(line) ?? [];
    if (inode === "") continue;
    const writer = known.has(`running ${path}`)
      ? "running"
      : known.has(`ending ${path}`)
      ? "ending"
      : "gone";
    states.set(path, { inode, size: Number(size), writer });
  }
  return states;
}

/** What comes before and after the first empty line. */
function splitOnce(text: string): readonly [string, string] {
  const at = `\n${text}`.indexOf("\n\n");
  return [text.slice(0, Math.max(0, at)), text.slice(at + 1)];
}

/**
 * Lines `INODE BLOCK LENGTH PATH` come in; for each goes out `yes` and so many bytes, or `no`. The
 * file is opened once: what is looked at is what is read.
 */
const partScript = `
part() {
  set -- "$1" "$2" "$3" $(stat -L -c '%i %s' /proc/self/fd/3)
  [ "$4" = "$1" ] && [ "$5" -ge $(($2 * ${blockBytes} + $3)) ] || return 1
  echo yes
  dd bs=${blockBytes} skip="$2" count=$(($3 / ${blockBytes} + 1)) <&3 2>/dev/null | head -c "$3"
}
while IFS=' ' read -r inode block length path; do
  { part "$inode" "$block" "$length" 3<"$path"; } 2>/dev/null || echo no
done
`;

async function readAll(
  host: Host,
  parts: readonly LogPart[],
  options: AbortOptions,
): Promise<(part: LogPart) => Uint8Array | undefined> {
  const unique = [
    ...new Map(parts.map((part) => [keyOf(part), part])).values(),
  ];
  await using process = await host.spawn(partScript, [], options);
  const errors = process.stderr.cancel();
  const writer = process.stdin.getWriter();
  const lines = unique.map(({ inode, block, length, path }) =>
    `${inode} ${block} ${length} ${path}\n`
  );
  await writer.write(new TextEncoder().encode(lines.join("")));
  await writer.close();
  const input = new ExactReader(process.stdout.getReader(), host);
  const found = new Map<string, Uint8Array>();
  for (const part of unique) {
    if (await input.line() !== "yes") continue;
    found.set(keyOf(part), await input.bytes(part.length));
  }
  await errors.catch(() => undefined); // nothing that it says is of use
  return (part) => found.get(keyOf(part));
}

function keyOf({ path, inode, block, length }: LogPart): string {
  return `${inode} ${block} ${length} ${path}`;
}

/** Reads lines and so many bytes, each to its end. */
class ExactReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #host: Host;
  #rest: Uint8Array = new Uint8Array();

  constructor(reader: ReadableStreamDefaultReader<Uint8Array>, host: Host) {
    this.#reader = reader;
    this.#host = host;
  }

  async line(): Promise<string> {
    let text = "";
    for (;;) {
      const end = this.#rest.indexOf(0x0a);
      const taken = end === -1 ? this.#rest : this.#rest.subarray(0, end);
      text += new TextDecoder().decode(taken);
      this.#rest = this.#rest.subarray(taken.length + 1);
      if (end !== -1) return text;
      await this.#more();
    }
  }

  async bytes(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    for (let filled = 0; filled < length;) {
      if (this.#rest.length === 0) await this.#more();
      const taken = this.#rest.subarray(0, length - filled);
      bytes.set(taken, filled);
      filled += taken.length;
      this.#rest = this.#rest.subarray(taken.length);
    }
    return bytes;
  }

  async #more(): Promise<void> {
    const { done, value } = await this.#reader.read();
    if (!done) return void (this.#rest = value);
    throw new UnreachableError(
      `Cannot read logs: the connection to ${this.#host.name} was lost`,
    );
  }
}
