import assert from "node:assert/strict";
import { join } from "node:path";
import { delay } from "../../../async/delay.ts";
import { withHost } from "./test_stage.ts";

withHost(
  "SshHost.run() gives code and output, and takes arguments and stdin as they are",
  [],
  async ({ host, signal }) => {
    const script = 'printf "%s|" "$@"; cat; echo oops >&2; exit 3';
    const args = ["it's", "a\\b\n!c\n", "", "$HOME", "ü"];
    const result = await host.run(script, args, { signal, stdin: "in" });
    assert.deepEqual(result, {
      code: 3,
      stdout: "it's|a\\b\n!c\n||$HOME|ü|in",
      stderr: "oops\n",
    });
  },
);

withHost(
  "SshHost.run() gives 128 and the signal for a command that was killed",
  [],
  async ({ host, signal }) => {
    const { code } = await host.run("kill -KILL $$", [], { signal });
    assert.equal(code, 137);
  },
);

withHost(
  "SshHost.run() does not mind a command that leaves its input unread",
  [],
  async ({ host, signal }) => {
    const stdin = new Uint8Array(8 * 1024 * 1024);
    const { code } = await host.run("exit 5", [], { signal, stdin });
    assert.equal(code, 5);
  },
);

withHost(
  "SshHost.run() passes a stream to stdin, and fails as it does",
  [],
  async ({ host, signal }) => {
    const stdin = new Blob(["x".repeat(5_000_000)]).stream();
    const { stdout } = await host.run("wc -c", [], { signal, stdin });
    assert.equal(stdout.trim(), "5000000");
    const broken = new ReadableStream({
      pull: () => Promise.reject(new Error("no more")),
    });
    await assert.rejects(
      host.run("cat", [], { signal, stdin: broken }),
      /no more/,
    );
  },
);

withHost(
  "SshHost.run() refuses more output than allowed",
  [],
  async ({ host, signal }) => {
    await assert.rejects(
      host.run("yes", [], { signal, maxOutputBytes: 1000 }),
      /more than 1000 bytes/,
    );
  },
);

withHost(
  "SshHost.run() closes the session of the command when aborted",
  [],
  async ({ host, signal }) => {
    const stop = new AbortController();
    const runs = Array.from(
      { length: 20 },
      () => host.run("sleep 100", [], { signal: stop.signal }),
    );
    const ends = runs.map((run) => assert.rejects(run, /enough/));
    stop.abort(new Error("enough"));
    await Promise.all(ends);
    const { code } = await host.run(":", [], { signal });
    assert.equal(code, 0);
  },
);

withHost(
  "SshHost.run() runs 40 commands at once within the sessions of sshd",
  [],
  async ({ sshd, host, signal }) => {
    const results = await Promise.all(
      Array.from(
        { length: 40 },
        (_, i) => host.run("echo $1", [String(i)], { signal }),
      ),
    );
    assert.deepEqual(
      results.map(({ stdout }) => stdout),
      results.map((_, i) => `${i}\n`),
    );
    assert.ok(await sshd.connections() <= 4);
  },
);

withHost(
  "SshHost.spawn() lets a command wait while nobody reads, and loses nothing",
  [],
  async ({ sshd, host, signal }) => {
    const done = join(sshd.dir, "done");
    await using process = await host.spawn(
      'head -c 50000000 /dev/zero; echo > "$1"',
      [done],
      { signal },
    );
    const reader = process.stdout.getReader();
    let bytes = (await reader.read()).value?.length ?? 0;
    for (let i = 0; i < 10; i++) await host.run(":", [], { signal });
    await assert.rejects(Deno.stat(done), Deno.errors.NotFound);
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      bytes += value.length;
    }
    assert.equal(bytes, 50_000_000);
    assert.deepEqual(await process.ended, { code: 0 });
    await Deno.stat(done);
  },
);

withHost(
  "SshHost.spawn() has a process that answers as it is written to",
  [],
  async ({ host, signal }) => {
    await using process = await host.spawn(
      "cat; echo err >&2; kill -TERM $$",
      [],
      { signal },
    );
    const writer = process.stdin.getWriter();
    const reader = process.stdout.getReader();
    for (const text of ["one", "two"]) {
      await writer.write(new TextEncoder().encode(text));
      const { value } = await reader.read();
      assert.equal(new TextDecoder().decode(value), text);
    }
    await writer.close();
    assert.equal((await reader.read()).done, true);
    assert.equal(await new Response(process.stderr).text(), "err\n");
    assert.deepEqual(await process.ended, { signal: "TERM" });
  },
);

withHost(
  "SshHost.spawn() ends with its scope and with its signal",
  [],
  async ({ sshd, host, signal }) => {
    const file = join(sshd.dir, "pid");
    const script = 'echo $$ > "$1"; exec cat';
    {
      await using _process = await host.spawn(script, [file], { signal });
      await eventually(() => Deno.readTextFile(file), signal);
    }
    const pid = Number(await Deno.readTextFile(file));
    await eventually(() => assert.equal(alive(pid), false), signal);
    const stop = new AbortController();
    await using process = await host.spawn("cat", [], { signal: stop.signal });
    stop.abort();
    assert.equal(await new Response(process.stdout).text(), "");
    await process.ended;
  },
);

async function eventually<T>(
  look: () => T | Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  for (;;) {
    try {
      return await look();
    } catch (error) {
      await delay(20, { signal }).catch(() => {
        throw error;
      });
    }
  }
}

function alive(pid: number): boolean {
  try {
    Deno.statSync(`/proc/${pid}`);
    return true;
  } catch {
    return false;
  }
}
