import assert from "node:assert/strict";
import { join } from "node:path";
import type { AbortOptions } from "../../async/abort.ts";
import { delay } from "../../async/delay.ts";
import type { LogOptions } from "../runtime.ts";
import type { Host } from "./host.ts";
import { LogPoller } from "./log_poller.ts";
import { readPolledLog } from "./polled_log.ts";
import { withHost } from "./transport/test_stage.ts";

/** A log as conmon writes it, in a directory as Podman makes it. */
class TestLog implements AsyncDisposable {
  readonly directory: string;
  readonly path: string;

  private constructor(directory: string) {
    this.directory = directory;
    this.path = join(directory, "ctr.log");
  }

  static async create(): Promise<TestLog> {
    return new TestLog(await Deno.makeTempDir({ prefix: "farlet log " }));
  }

  async write(...texts: readonly string[]): Promise<void> {
    const lines = texts.map((text) => record("stdout", text)).join("");
    await Deno.writeTextFile(this.path, lines, { append: true });
  }

  /** As conmon does when the file is full. */
  async beginAnew(): Promise<void> {
    await Deno.writeTextFile(`${this.path}.tmp`, "");
    await Deno.rename(`${this.path}.tmp`, this.path);
  }

  /** What conmon has while it is at work. */
  async setWriter(atWork: boolean): Promise<void> {
    const path = join(this.directory, "ctl");
    if (atWork) await Deno.writeTextFile(path, "");
    else await Deno.remove(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}

function record(stream: string, text: string): string {
  return `2026-11-23T10:00:00.123456789+00:00 ${stream} F ${text}\n`;
}

const plain = { follow: false, previous: false, timestamps: false };

async function read(
  poller: LogPoller,
  { path }: TestLog,
  options: Partial<LogOptions> & AbortOptions,
): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  const chunks = readPolledLog(poller, { path }, { ...plain, ...options });
  for await (const chunk of chunks) {
    text += typeof chunk === "string" ? `<${chunk}>` : decoder.decode(chunk);
  }
  return text;
}

function numbered(from: number, to: number): readonly string[] {
  return Array.from({ length: to - from }, (_, i) => `line ${from + i}`);
}

withHost(
  "readPolledLog() gives the part of a log that is asked for",
  [],
  async ({ host, signal }) => {
    await using log = await TestLog.create();
    const poller = new LogPoller(host);
    assert.equal(await read(poller, log, { signal }), "<unreadable>");
    await log.write(...numbered(0, 50_000));
    await Deno.writeTextFile(log.path, record("stderr", "bad"), {
      append: true,
    });
    const all = [...numbered(0, 50_000), "bad", ""].join("\n");
    assert.ok(await read(poller, log, { signal }) === all);
    assert.equal(
      await read(poller, log, { tailLines: 2, signal }),
      "line 49999\nbad\n",
    );
    assert.equal(await read(poller, log, { tailLines: 0, signal }), "");
    assert.equal(
      await read(poller, log, { limitBytes: 9, signal }),
      "line 0\nli",
    );
    assert.equal(
      await read(poller, log, { stream: "stderr", timestamps: true, signal }),
      "2026-11-23T10:00:00.123456789+00:00 bad\n",
    );
    const since = new Date("2026-11-23T10:00:01Z");
    assert.equal(await read(poller, log, { since, signal }), "");
  },
);

withHost(
  "readPolledLog() follows logs for many readers, with few commands, until their writer is gone",
  [],
  async ({ host, signal }) => {
    await using log = await TestLog.create();
    await log.setWriter(true);
    await log.write("first");
    const spawns: string[] = [];
    const poller = new LogPoller(counting(host, spawns));
    const followers = Array.from(
      { length: 100 },
      () => read(poller, log, { follow: true, signal }),
    );
    await until(() => spawns.length > 2);
    await log.write(...numbered(0, 1_000));
    await until(() => spawns.length > 6);
    await log.write("last");
    await log.setWriter(false);
    const want = ["first", ...numbered(0, 1_000), "last", ""].join("\n");
    for (const each of await Promise.all(followers)) assert.ok(each === want);
    assert.ok(spawns.length < 60, `${spawns.length} commands`);

    async function until(condition: () => boolean): Promise<void> {
      while (!condition()) await delay(20, { signal });
    }
  },
);

withHost(
  "readPolledLog() goes on with the file that was begun anew, and ends with a log that is removed",
  [],
  async ({ host, signal }) => {
    await using log = await TestLog.create();
    await log.setWriter(true);
    await log.write("before");
    const poller = new LogPoller(host);
    const seen: string[] = [];
    const chunks = readPolledLog(poller, { path: log.path }, {
      ...plain,
      follow: true,
      signal,
    });
    const next = async () => {
      const { done, value } = await chunks.next();
      if (done || typeof value === "string") return undefined;
      seen.push(new TextDecoder().decode(value));
      return seen.at(-1);
    };
    assert.equal(await next(), "before\n");
    await log.beginAnew();
    await log.write("after");
    assert.equal(await next(), "after\n");
    await Deno.remove(log.path);
    assert.equal(await next(), undefined);
    assert.deepEqual(seen, ["before\n", "after\n"]);
  },
);

withHost(
  "readPolledLog() fails with the reason of its signal, and leaves other readers alone",
  [],
  async ({ host, signal }) => {
    await using log = await TestLog.create();
    await log.setWriter(true);
    await log.write("begun");
    const poller = new LogPoller(host);
    const stop = new AbortController();
    const stopped = read(poller, log, { follow: true, signal: stop.signal });
    const other = read(poller, log, { follow: true, signal });
    stop.abort(new Error("enough"));
    await assert.rejects(stopped, /enough/);
    await log.write("ended");
    await log.setWriter(false);
    assert.equal(await other, "begun\nended\n");
  },
);

/** The same host; tells of the commands that run there. */
function counting(host: Host, commands: string[]): Host {
  return new Proxy(host, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        if (name === "run" || name === "spawn") commands.push(name);
        return Reflect.apply(value, target, args);
      };
    },
  });
}
