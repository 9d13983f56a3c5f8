import assert from "node:assert/strict";
import { join } from "node:path";
import { LogFile } from "./log_file.ts";
import { listLogs } from "./log_rotation.ts";
import { readLogFile, type ReadLogOptions } from "./log_reader.ts";

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function read(
  path: string,
  options: Partial<ReadLogOptions> = {},
): Promise<string> {
  return await new Response(open(path, options)).text();
}

function open(path: string, options: Partial<ReadLogOptions> = {}) {
  return readLogFile(path, {
    follow: false,
    timestamps: false,
    signal: new AbortController().signal,
    ...options,
  });
}

async function withLog(
  options: { maxBytes?: number; maxFiles?: number },
  test: (path: string, log: LogFile) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    const path = join(dir, "0.log");
    await using log = await LogFile.create(path, options);
    await test(path, log);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

function numbered(from: number, to: number): string {
  let lines = "";
  for (let i = from; i < to; i++) lines += `line ${i}\n`;
  return lines;
}

Deno.test("LogFile keeps the newest files, the current one included", async () => {
  await withLog({ maxBytes: 1000, maxFiles: 3 }, async (path, log) => {
    for (let i = 0; i < 100; i++) {
      await log.write("stdout", bytes(numbered(i, i + 1)));
    }
    await log.end();
    const files = await listLogs(path);
    assert.equal(files.length, 3);
    assert.match(`${files[0]}`, /0\.log\.\d{8}-\d{6}\.\d{3}$/);
    const text = await read(path);
    assert.ok(text.endsWith("line 98\nline 99\n"));
    assert.equal(text, numbered(Number(text.split(/[ \n]/)[1]), 100));
    for (const file of files.slice(0, -1)) {
      const { size, mode } = await Deno.stat(file);
      assert.ok(size >= 1000 && size < 1100);
      if (mode !== null) assert.equal(mode & 0o777, 0o600);
    }
  });
});

Deno.test("readLogFile() gives the last lines, across rotated files and P records", async () => {
  await withLog({ maxBytes: 5000, maxFiles: 100 }, async (path, log) => {
    await log.write("stdout", bytes(numbered(0, 10)));
    const long = "x".repeat(100_000);
    await log.write("stderr", bytes(`${long}\n`));
    for (let i = 10; i < 1010; i++) {
      await log.write("stdout", bytes(numbered(i, i + 1)));
    }
    assert.equal(await read(path, { tailLines: 0 }), "");
    assert.equal(await read(path, { tailLines: 1 }), "line 1009\n");
    assert.equal(await read(path, { tailLines: 900 }), numbered(110, 1010));
    assert.equal(
      await read(path, { tailLines: 1002 }),
      `line 9\n${long}\n${numbered(10, 1010)}`,
    );
    assert.equal(
      await read(path, { tailLines: 1002, stream: "stdout" }),
      numbered(8, 1010),
    );
    assert.equal(
      await read(path, { tailLines: 5, stream: "stderr" }),
      `${long}\n`,
    );
    assert.equal(
      (await read(path, { tailLines: 1_000_000 })).length,
      (await read(path)).length,
    );
    await log.write("stdout", bytes("open end"));
    await log.end();
    assert.equal(await read(path, { tailLines: 2 }), "line 1009\nopen end");
  });
});

Deno.test("readLogFile() ends after limitBytes, timestamps counted", async () => {
  await withLog({}, async (path, log) => {
    await log.write("stdout", bytes(numbered(0, 10)));
    assert.equal(await read(path, { limitBytes: 9 }), "line 0\nli");
    assert.match(
      await read(path, { limitBytes: 33, timestamps: true }),
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z li$/,
    );
  });
});

Deno.test("readLogFile() skips what is older than since", async () => {
  await withLog({ maxBytes: 100, maxFiles: 9 }, async (path, log) => {
    await log.write("stdout", bytes(numbered(0, 10)));
    await Deno.utime(`${(await listLogs(path))[0]}`, 1, 1);
    await log.write("stdout", bytes(numbered(10, 20)));
    assert.equal(await read(path, { since: new Date(2000) }), numbered(10, 20));
    assert.equal(
      await read(path, { since: new Date(Date.now() + 10_000) }),
      "",
    );
  });
});

Deno.test("readLogFile() follows across rotations until the log has ended", async () => {
  await withLog({ maxBytes: 2000, maxFiles: 1000 }, async (path, log) => {
    await log.write("stdout", bytes(numbered(0, 5)));
    const following = read(path, { follow: true, live: log, tailLines: 2 });
    for (let i = 5; i < 1000; i++) {
      await log.write(i % 3 ? "stdout" : "stderr", bytes(numbered(i, i + 1)));
    }
    await log.write("stdout", bytes("end"));
    await log.end();
    const text = await following;
    assert.ok(text.endsWith("line 999\nend"));
    const first = Number(text.split(/[ \n]/)[1]);
    assert.ok(first >= 3);
    assert.equal(text, `${numbered(first, 1000)}end`);
  });
});

Deno.test("readLogFile() follows a writer that removes files before they are read", async () => {
  await withLog({ maxBytes: 500, maxFiles: 2 }, async (path, log) => {
    const stream = open(path, { follow: true, live: log });
    const reader = stream.getReader();
    await log.write("stdout", bytes(numbered(0, 1)));
    const first = await reader.read();
    assert.equal(new TextDecoder().decode(first.value), "line 0\n");
    for (let i = 1; i < 200; i++) {
      await log.write("stdout", bytes(numbered(i, i + 1)));
    }
    await log.end();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      rest += new TextDecoder().decode(value);
    }
    assert.ok(rest.startsWith("line 1\n"), rest.slice(0, 20));
    assert.ok(rest.endsWith("line 199\n"));
  });
});

Deno.test("readLogFile() waits without reading ahead, and stops on cancel and on abort", async () => {
  await withLog({}, async (path, log) => {
    await log.write("stdout", bytes("one\n"));
    const cancelled = open(path, { follow: true, live: log }).getReader();
    assert.equal((await cancelled.read()).value?.length, 4);
    const pending = cancelled.read();
    await cancelled.cancel();
    assert.deepEqual(await pending, { done: true, value: undefined });

    const stop = new AbortController();
    const { signal } = stop;
    const waiting = read(path, { follow: true, live: log, signal });
    const idle = open(path, { follow: true, live: log, signal });
    stop.abort(new Error("enough"));
    await assert.rejects(waiting, /enough/);
    await assert.rejects(idle.getReader().read(), /enough/);
  });
});

Deno.test("readLogFile() fails with NotFound for an unknown log", async () => {
  await assert.rejects(
    read("/nonexistent/0.log"),
    (error) => error instanceof Deno.errors.NotFound,
  );
});

Deno.test("readLogFile() skips a record that a crash cut off", async () => {
  await withLog({}, async (path, log) => {
    await log.write("stdout", bytes("one\n"));
    await Deno.writeTextFile(path, "2026-01-31T12:00:00.1", { append: true });
    assert.equal(await read(path), "one\n");
    assert.equal(await read(path, { tailLines: 1 }), "one\n");
  });
});

Deno.test("LogFile makes a writer wait for the disk and goes on after a failed write", async () => {
  await withLog({}, async (path, log) => {
    const other = log.write("stdout", bytes("no end yet"));
    await other;
    await Promise.all([
      log.write("stdout", bytes("\n")),
      log.write("stderr", bytes("err\n")),
    ]);
    assert.equal(await read(path), "no end yet\nerr\n");
    await log.end();
    await log.end();
    await assert.rejects(log.write("stdout", bytes("late\n")));
    assert.equal(log.ended, true);
  });
});
