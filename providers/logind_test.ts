import assert from "node:assert/strict";
import { LogindLines, type LogindNews, watchLogind } from "./logind.ts";
import type { MachineShutdown } from "./machine_shutdown.ts";

const { signal } = new AbortController();

const signals: readonly LogindNews[] = [
  { kind: "signal", value: true },
  { kind: "signal", value: false },
];

const monitors = {
  gdbus: `
Monitoring signals on object /org/freedesktop/login1 owned by :1.2
The name org.freedesktop.login1 is owned by :1.2
/org/freedesktop/login1: org.freedesktop.login1.Manager.SessionNew ('c1', objectpath '/true')
/org/freedesktop/login1: org.freedesktop.login1.Manager.PrepareForShutdownWithMetadata (true, {'type': <'reboot'>})
/org/freedesktop/login1: org.freedesktop.login1.Manager.PrepareForShutdown (true,)
/org/freedesktop/login1: org.freedesktop.login1.Manager.PrepareForSleep (true,)
/org/freedesktop/login1: org.freedesktop.login1.Manager.PrepareForShutdown (false,)`,
  "dbus-monitor": `
signal time=1.5 sender=org.freedesktop.DBus -> destination=:1.6 serial=2 path=/org/freedesktop/DBus; interface=org.freedesktop.DBus; member=NameAcquired
   string ":1.6"
signal time=2.5 sender=:1.0 -> destination=(null destination) serial=9 path=/org/freedesktop/login1; interface=org.freedesktop.login1.Manager; member=PrepareForShutdown
   boolean true
signal time=3.5 sender=:1.0 -> destination=(null destination) serial=10 path=/org/freedesktop/login1; interface=org.freedesktop.login1.Manager; member=PrepareForShutdown
   boolean false`,
  busctl: `
‣ Type=signal  Endian=l  Flags=1  Version=1 Cookie=9  Timestamp="Mon 2026-01-05 09:20:00.000001 UTC"
  Sender=:1.0  Path=/org/freedesktop/login1  Interface=org.freedesktop.login1.Manager  Member=PrepareForShutdown
  UniqueName=:1.0
  MESSAGE "b" {
          BOOLEAN true;
  };

‣ Type=signal  Endian=l  Flags=1  Version=1 Cookie=10  Timestamp="Mon 2026-01-05 09:20:01.000001 UTC"
  Sender=:1.0  Path=/org/freedesktop/login1  Interface=org.freedesktop.login1.Manager  Member=PrepareForShutdown
  UniqueName=:1.0
  MESSAGE "b" {
          BOOLEAN false;
  };`,
};
for (const [monitor, text] of Object.entries(monitors)) {
  Deno.test(`LogindLines reads what ${monitor} prints`, () => {
    const lines = new LogindLines();
    const news = text.split("\n").map((line) => lines.take(line));
    assert.deepEqual(news.filter((one) => one !== undefined), signals);
  });
}

/** A script that prints `text` at once and then what each word that it is told is answered by. */
class FakeMachine {
  readonly told: string[] = [];
  readonly #text: string;
  readonly #answers: Readonly<Record<string, string | undefined>>;
  readonly #complaint: string;
  #output: ReadableStreamDefaultController<Uint8Array> | undefined;

  constructor(
    text: string,
    answers: Readonly<Record<string, string | undefined>>,
    complaint = "",
  ) {
    this.#text = text;
    this.#answers = answers;
    this.#complaint = complaint;
  }

  print(text: string): void {
    this.#output?.enqueue(new TextEncoder().encode(text));
  }

  readonly spawn = () => {
    const stdout = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#output = controller;
        this.print(this.#text);
      },
    });
    const stdin = new WritableStream<Uint8Array>({
      write: (bytes) => {
        const word = new TextDecoder().decode(bytes).trim();
        this.told.push(word);
        this.print(this.#answers[word] ?? "");
      },
      close: () => {
        this.told.push("end");
      },
    });
    const stderr = new Blob([this.#complaint]).stream();
    return Promise.resolve({
      ...{ stdin, stdout, stderr },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  };
}

const prepare = (start: boolean) =>
  `/org/freedesktop/login1: org.freedesktop.login1.Manager.PrepareForShutdown (${start},)\n`;

/** The next news, which is of that kind. */
async function next<K extends MachineShutdown["kind"]>(
  news: AsyncGenerator<MachineShutdown>,
  kind: K,
): Promise<Extract<MachineShutdown, { kind: K }>> {
  const { value } = await news.next();
  assert.equal(value?.kind, kind);
  return value as Extract<MachineShutdown, { kind: K }>;
}

Deno.test("watchLogind() holds the machine, lets it go, and holds it again", async () => {
  const machine = new FakeMachine("delay t 5000000\n", {
    hold: "locked\n",
    state: "preparing b false\n",
    release: "ended lock\n",
  });
  const news = watchLogind(machine.spawn, { signal });
  assert.equal((await next(news, "watching")).maxDelayMs, 5_000);
  machine.print(prepare(true) + prepare(true));
  await (await next(news, "shuttingDown")).release();
  machine.print(prepare(false));
  await next(news, "cancelled");
  await news.return(undefined);
  const words = ["hold", "state", "release", "hold", "end"];
  assert.deepEqual(machine.told, words);
});

Deno.test("watchLogind() tells of a shutdown that goes on already", async () => {
  const machine = new FakeMachine("delay t 5000000\n", {
    hold: "ended lock\n",
    state: "preparing b true\n",
  });
  const news = watchLogind(machine.spawn, { signal });
  await next(news, "shuttingDown");
  await news.return(undefined);
});

Deno.test("watchLogind() fails where nobody may delay a shutdown", async () => {
  const machine = new FakeMachine("delay t 5000000\n", {
    hold: "ended lock\n",
    state: "preparing b false\n",
  }, "Failed to inhibit: Access denied\n");
  const news = watchLogind(machine.spawn, { signal });
  await assert.rejects(
    news.next(),
    /^Error: Cannot delay the shutdown: Failed to inhibit: Access denied$/,
  );
});

Deno.test("watchLogind() fails when the monitor ends", async () => {
  const machine = new FakeMachine("delay t 5000000\nended watch\n", {});
  const news = watchLogind(machine.spawn, { signal });
  await assert.rejects(news.next(), /its monitor has ended/);
});

Deno.test("watchLogind() says of a machine without logind why, and ends", async () => {
  const machine = new FakeMachine("unsupported it has no systemd\n", {});
  const found = [];
  for await (const news of watchLogind(machine.spawn, { signal })) {
    found.push(news);
  }
  const message = "it has no systemd";
  assert.deepEqual(found, [{ kind: "unwatched", message }]);
});

Deno.test("watchLogind() ends the script when it is aborted", async () => {
  const machine = new FakeMachine("", {});
  const stop = new AbortController();
  const news = watchLogind(machine.spawn, stop);
  const waiting = news.next();
  stop.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
  assert.deepEqual(machine.told, ["hold", "end"]);
});
